//! Quantiles of the normal and of Student's distribution.

/// Quantile of the normal distribution for a share above 0.5 (Acklam's rational approximation, then one step of
/// Halley's method: to some 1e-15).
fn normal(share: f64) -> f64 {
    let tail = 1.0 - share;
    if tail <= 0.0 {
        return f64::INFINITY;
    }
    let guess = if tail > 0.024_25 {
        let (q, r) = (share - 0.5, (share - 0.5) * (share - 0.5));
        let above = [
            -39.696_830_286_653_76,
            220.946_098_424_520_5,
            -275.928_510_446_968_7,
            138.357_751_867_269,
            -30.664_798_066_147_16,
            2.506_628_277_459_239,
        ];
        let below = [
            -54.476_098_798_224_06,
            161.585_836_858_040_9,
            -155.698_979_859_886_6,
            66.801_311_887_719_72,
            -13.280_681_552_885_72,
            1.0,
        ];
        q * polynomial(&above, r) / polynomial(&below, r)
    } else {
        let q = (-2.0 * libm::log(tail)).sqrt();
        let above = [
            -0.007_784_894_002_430_293,
            -0.322_396_458_041_136_5,
            -2.400_758_277_161_838,
            -2.549_732_539_343_734,
            4.374_664_141_464_968,
            2.938_163_982_698_783,
        ];
        let below = [
            0.007_784_695_709_041_462,
            0.322_467_129_070_039_8,
            2.445_134_137_142_996,
            3.754_408_661_907_416,
            1.0,
        ];
        -polynomial(&above, q) / polynomial(&below, q)
    };
    let error = tail - 0.5 * libm::erfc(guess * std::f64::consts::FRAC_1_SQRT_2);
    let step = -error * std::f64::consts::TAU.sqrt() * libm::exp(0.5 * guess * guess);
    guess + step / (1.0 - 0.5 * guess * step).max(0.5)
}

fn polynomial(factors: &[f64], at: f64) -> f64 {
    factors.iter().fold(0.0, |sum, factor| sum * at + factor)
}

/// Quantile of Student's distribution for a share from 0.5 on (Hill 1970: to a relative 1e-5 for five and more degrees of
/// freedom, to some 1e-3 below, exact for one and two). Infinite where there are none.
pub(super) fn quantile(share: f64, freedom: f64) -> f64 {
    if freedom.is_nan() || freedom <= 0.0 {
        return f64::INFINITY;
    }
    let both = 2.0 * (1.0 - share);
    if both >= 1.0 {
        return 0.0;
    }
    if freedom <= 1.0 {
        // The distribution of one degree has the wider tails of the two; it stands for fewer.
        return 1.0 / libm::tan(both * std::f64::consts::FRAC_PI_2);
    }
    if freedom == 2.0 {
        return (2.0 / (both * (2.0 - both)) - 2.0).sqrt();
    }
    let a = 1.0 / (freedom - 0.5);
    let b = (48.0 / a) / a;
    let mut c = ((20_700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * std::f64::consts::FRAC_PI_2).sqrt() * freedom;
    let mut y = libm::pow(d * both, 2.0 / freedom);
    if y > 0.05 + a {
        let x = -normal(share);
        y = x * x;
        if freedom < 5.0 {
            c += 0.3 * (freedom - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = libm::expm1(a * y * y);
    } else {
        let first = 1.0 / (((freedom + 6.0) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2.0) * 3.0);
        y = ((first + 0.5 / (freedom + 4.0)) * y - 1.0) * (freedom + 1.0) / (freedom + 2.0) + 1.0 / y;
    }
    (freedom * y).sqrt()
}

#[cfg(test)]
mod tests {
    #[test]
    fn quantiles_are_scipys() {
        // scipy.stats.t.ppf and norm.ppf, SciPy 1.17.
        for (share, freedom, expected) in QUANTILES {
            let found = super::quantile(share, freedom);
            let near = if freedom < 5.0 { 2e-3 } else { 2e-5 };
            assert!((found / expected - 1.0).abs() < near, "{share} {freedom}: {found}, {expected}");
        }
        for (share, expected) in NORMAL {
            assert!(
                (super::normal(share) / expected - 1.0).abs() < 1e-13,
                "{share}: {}",
                super::normal(share)
            );
        }
    }

    const QUANTILES: [(f64, f64, f64); 12] = [
        (0.75, 1.0, 1.0000000000000002),
        (0.75, 3.0, 0.7648923284043444),
        (0.75, 10.0, 0.6998120613124317),
        (0.75, 200.0, 0.6757184114042201),
        (0.95, 1.0, 6.313751514675037),
        (0.95, 3.0, 2.3533634348018233),
        (0.95, 10.0, 1.8124611228116756),
        (0.95, 200.0, 1.6525081009108769),
        (0.995, 1.0, 63.656741162871526),
        (0.995, 3.0, 5.840909309733355),
        (0.995, 10.0, 3.16927267261695),
        (0.995, 200.0, 2.600634436191558),
    ];

    const NORMAL: [(f64, f64); 4] = [
        (0.6, 0.2533471031357997),
        (0.9, 1.2815515655446004),
        (0.99, 2.3263478740408408),
        (0.99999, 4.264890793923841),
    ];
}
