//! Agrawal: loan applicants, by one of ten rules.
//!
//! R. Agrawal, T. Imielinski, A. Swami: Database Mining: A Performance Perspective (IEEE Transactions on Knowledge and Data
//! Engineering 1993). Group A is class 0, as in MOA. River has 1 for it in the first six rules, a salary in place of a loan
//! in the fifth, and houses without value.

use super::{Generator, class_zero_if, concept, nominal, schema};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const CONCEPT: Param = concept(9, "The rule.");
const PERTURBATION: Param = Param {
    name: "perturbation",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.05 },
    doc: "How far numbers move after the rule has been applied, as a share of their range.",
    default_from: "MOA and the paper.",
};

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "agrawal",
    summary: "Loan applicants, by one of ten rules.",
    task: Task::Classification,
    params: &[CONCEPT, PERTURBATION],
    build: |values, seed| Box::new(Agrawal::new(values, seed)),
};

/// See the module.
pub struct Agrawal {
    schema: Schema,
    concept: i64,
    perturbation: f64,
    random: Random,
}

struct Applicant {
    salary: f64,
    commission: f64,
    age: f64,
    education: u64,
    house_value: f64,
    house_years: f64,
    loan: f64,
}

impl Agrawal {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        let numeric = ["salary", "commission", "age", "house_value", "house_years", "loan"];
        Agrawal {
            schema: schema(&numeric, &["education", "car", "zipcode"]),
            concept: values.integer(&CONCEPT),
            perturbation: values.number(&PERTURBATION),
            random: Random::new(seed),
        }
    }

    /// The value moved within its range.
    fn perturbed(&mut self, value: f64, lowest: f64, highest: f64) -> f64 {
        if self.perturbation == 0.0 {
            return value;
        }
        let moved = (highest - lowest) * (2.0 * self.random.unit() - 1.0) * self.perturbation;
        (value + moved).clamp(lowest, highest)
    }
}

impl Applicant {
    /// One of three for the thirds of age.
    fn by_age<T>(&self, young: T, middle: T, old: T) -> T {
        if self.age < 40.0 {
            young
        } else if self.age < 60.0 {
            middle
        } else {
            old
        }
    }

    /// Whether the rule puts the applicant into group A.
    fn in_group_a(&self, rule: i64) -> bool {
        let within = |value: f64, (from, to): (f64, f64)| (from * 1000.0..=to * 1000.0).contains(&value);
        let total = self.salary + self.commission;
        let income = 2.0 * total / 3.0;
        let education = 5000.0 * self.education as f64;
        let educated = self.by_age(0..=1, 1..=3, 2..=4).contains(&self.education);
        let salary_range = self.by_age((50.0, 100.0), (75.0, 125.0), (25.0, 75.0));
        match rule {
            0 => self.age < 40.0 || self.age >= 60.0,
            1 => within(self.salary, salary_range),
            2 => educated,
            3 => {
                let if_educated = self.by_age((25.0, 75.0), (50.0, 100.0), (50.0, 100.0));
                let otherwise = self.by_age((50.0, 100.0), (75.0, 125.0), (25.0, 75.0));
                within(self.salary, if educated { if_educated } else { otherwise })
            }
            4 => {
                let if_within = self.by_age((100.0, 300.0), (200.0, 400.0), (300.0, 500.0));
                let otherwise = self.by_age((200.0, 400.0), (300.0, 500.0), (100.0, 300.0));
                within(self.loan, if within(self.salary, salary_range) { if_within } else { otherwise })
            }
            5 => within(total, salary_range),
            6 => income - self.loan / 5.0 - 20_000.0 > 0.0,
            7 => income - education - 20_000.0 > 0.0,
            8 => income - education - self.loan / 5.0 - 10_000.0 > 0.0,
            _ => {
                let equity = if self.house_years >= 20.0 {
                    self.house_value * (self.house_years - 20.0) / 10.0
                } else {
                    0.0
                };
                income - education + equity / 5.0 - 10_000.0 > 0.0
            }
        }
    }
}

impl Generator for Agrawal {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        let salary = 20_000.0 + 130_000.0 * self.random.unit();
        let commission = if salary >= 75_000.0 { 0.0 } else { 10_000.0 + 75_000.0 * self.random.unit() };
        let age = (20 + self.random.below(61)) as f64;
        let education = self.random.below(5);
        let car = 1 + self.random.below(20);
        let zipcode = self.random.below(9);
        let area = (9 - zipcode) as f64 * 100_000.0;
        let house_value = area * (0.5 + self.random.unit());
        let house_years = (1 + self.random.below(30)) as f64;
        let loan = 500_000.0 * self.random.unit();
        let applicant = Applicant { salary, commission, age, education, house_value, house_years, loan };
        let label = class_zero_if(applicant.in_group_a(self.concept));

        let commission = if commission > 0.0 { self.perturbed(commission, 10_000.0, 75_000.0) } else { 0.0 };
        row.numeric.extend([
            self.perturbed(salary, 20_000.0, 150_000.0),
            commission,
            self.perturbed(age, 20.0, 80.0).round(),
            self.perturbed(house_value, 0.5 * area, 1.5 * area),
            self.perturbed(house_years, 1.0, 30.0).round(),
            self.perturbed(loan, 0.0, 500_000.0),
        ]);
        row.categories.extend([nominal(education), nominal(car), nominal(zipcode)]);
        label
    }
}
