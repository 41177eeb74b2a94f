//! Asks which field is to be predicted.

use super::roles::{Candidate, Choice};
use super::sample::Sample;
use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use std::io::{self, BufRead, IsTerminal, Write};

/// So many fields are offered.
const OFFERED_MAX: usize = 15;

/// Asks on a terminal; elsewhere an error that names the candidates.
pub fn target(sample: &Sample, candidates: &[Candidate]) -> Result<Choice> {
    let offered = &candidates[..candidates.len().min(OFFERED_MAX)];
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return ask(sample, offered, &mut io::stdin().lock(), &mut io::stderr());
    }
    let names: Vec<&str> =
        offered.iter().map(|candidate| sample.field(candidate.place).name.as_str()).collect();
    let message = match names.as_slice() {
        [] => format!("no field of topic {} can be predicted", sample.topic),
        names => {
            format!("which field is to be predicted? Likely are, the likeliest first: {}", names.join(", "))
        }
    };
    let hint = "--target FIELD says which; --no-target predicts nothing and finds clusters";
    Err(Failure::new(Exit::Usage, message).hint(hint).into())
}

fn ask(
    sample: &Sample,
    offered: &[Candidate],
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<Choice> {
    let context = "cannot ask on the terminal";
    writeln!(output, "Which field is to be predicted?").context(context)?;
    writeln!(output, "   0  none: find clusters").context(context)?;
    for (number, candidate) in offered.iter().enumerate() {
        let field = sample.field(candidate.place);
        writeln!(output, "  {:>2}  {}  ({})", number + 1, field.name, field.words_for_it())
            .context(context)?;
    }
    loop {
        write!(output, "Number or name [{}]: ", usize::from(!offered.is_empty())).context(context)?;
        output.flush().context(context)?;
        let mut line = String::new();
        if input.read_line(&mut line).context(context)? == 0 {
            return Err(Failure::new(Exit::Usage, "no field was chosen").into());
        }
        let answer = line.trim();
        let place = match answer.parse::<usize>() {
            Ok(0) => return Ok(Choice::Nothing),
            Ok(number) => offered.get(number - 1).map(|candidate| candidate.place),
            Err(_) if answer.is_empty() => match offered.first() {
                Some(first) => Some(first.place),
                None => return Ok(Choice::Nothing),
            },
            Err(_) => sample.find(answer).filter(|place| super::roles::task(sample.field(*place)).is_ok()),
        };
        match place {
            Some(place) => return Ok(Choice::Field(place)),
            None => writeln!(
                output,
                "{answer:?} is neither one of these numbers nor a field that can be predicted"
            )
            .context(context)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::Field;
    use super::super::format::Format;
    use super::super::roles;
    use super::*;
    use streamfold_flow::schema::FieldType;

    fn sample() -> Sample {
        let field = |name: &str, kind| {
            Field::new(
                name,
                Some(kind),
                (0..50).map(|n| Some((n * n % 11 % 2 + n % 2).to_string())).collect(),
            )
        };
        Sample {
            topic: "t".to_owned(),
            partitions: 1,
            total: 50,
            records: Vec::new(),
            bad: 0,
            format: Format::Json,
            fields: vec![field("amount", FieldType::Number), field("price", FieldType::Number)],
        }
    }

    #[test]
    fn an_answer_is_a_number_a_name_or_nothing() {
        let sample = sample();
        let candidates = roles::targets(&sample);
        let answer = |text: &str| {
            let mut said = Vec::new();
            let choice = ask(&sample, &candidates, &mut text.as_bytes(), &mut said);
            (choice.ok(), String::from_utf8(said).unwrap())
        };
        assert_eq!(answer("\n").0, Some(Choice::Field(1)), "price, by its name");
        assert_eq!(answer("2\n").0, Some(Choice::Field(0)));
        assert_eq!(answer("amount\n").0, Some(Choice::Field(0)));
        assert_eq!(answer("0\n").0, Some(Choice::Nothing));
        let (choice, said) = answer("nothing\n7\n1\n");
        assert_eq!(choice, Some(Choice::Field(1)));
        assert!(said.contains("\"nothing\" is neither"), "{said}");
        assert_eq!(answer("").0, None);
    }
}
