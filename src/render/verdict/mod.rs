//! What came out, in sentences. Each states an effect with its interval; differences are judged image by image and seed
//! by seed ([`crate::analysis::comparison`]), and what is chosen is chosen on validation images ([`choice`]).

mod caution;
pub(crate) mod choice;
pub(crate) mod collapse;
mod depths;
mod guessing;
mod phrase;
mod pretraining;
mod settings;

use crate::render::comparisons::{self, Comparison, Question};
use crate::render::data::Report;
use crate::render::groups::{self, Group};
use choice::{NoSubject, Subject};
use serde::Serialize;

/// A sentence or a few on one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Statement {
    /// What it is about, in a word or two.
    pub(crate) topic: String,
    pub(crate) text: String,
}

impl Statement {
    fn new(topic: &str, text: impl Into<String>) -> Self {
        Self { topic: topic.to_owned(), text: text.into() }
    }
}

/// What came out, most important first; never empty.
pub(crate) fn statements(report: &Report) -> Vec<Statement> {
    let groups = groups::by_seed(&report.results);
    let measured: Vec<&Group<'_>> = groups.iter().filter(|group| group.mean.is_finite()).collect();
    if measured.is_empty() {
        let nothing = Statement::new("Results", "No evaluation has finished, so there is no result yet.");
        return std::iter::once(nothing).chain(caution::failures(report)).collect();
    }
    let mut statements: Vec<Statement> = caution::shared_images(report).into_iter().collect();
    let guessing = guessing::statement(report, &measured);
    // Where nothing was learned, that comes before everything else.
    let (first, last) = if guessing.is_alarming { (guessing.statement, None) } else { (None, guessing.statement) };
    statements.extend(first);
    match choice::subject(&measured) {
        Ok(subject) => statements.extend(of_subject(&subject, &measured)),
        Err(NoSubject::NoChoice(runs)) => statements.push(choice_is_missing(runs)),
        Err(NoSubject::Nothing) => statements.extend(pretraining::without_features(&measured)),
    }
    statements.extend(settings::statements(report, &measured));
    statements.extend(last);
    statements.extend(collapse::statement(report));
    statements.extend(caution::all(report, &measured));
    statements
}

fn of_subject(subject: &Subject<'_, '_>, measured: &[&Group<'_>]) -> Vec<Statement> {
    let mut statements = vec![pretraining::reached(subject)];
    statements.push(pretraining::against_untrained(&compared(Question::Pretraining, subject, measured)));
    statements.extend(pretraining::against_supervised(&compared(Question::Supervised, subject, measured)));
    statements.extend(pretraining::fine_tuned(&compared(Question::FineTuning, subject, measured)));
    statements.extend(depths::statement(subject, &compared(Question::Depth, subject, measured)));
    statements
}

/// The comparisons that the sentences on a subject are made of; their p-values are corrected together.
fn compared<'r, 'g>(
    question: Question,
    subject: &Subject<'r, 'g>,
    groups: &[&'g Group<'r>],
) -> Vec<Comparison<'r, 'g>> {
    let is_of_subject = |group: &Group<'_>| match question {
        Question::FineTuning => {
            group.first().from == subject.yardstick.first().from && comparisons::agree(group, subject.yardstick)
        }
        _ => subject.evaluations.iter().any(|other| std::ptr::eq(*other, group)),
    };
    let pairs = comparisons::pairs(question, groups).into_iter().filter(|(first, _)| is_of_subject(first));
    comparisons::compare(question, pairs.collect())
}

/// The comparisons of the verdict, for the table below it; all of the study where nothing could be chosen.
pub(crate) fn shown<'r, 'g>(groups: &[&'g Group<'r>]) -> Vec<Comparison<'r, 'g>> {
    let of_question = |question| match choice::subject(groups) {
        Ok(subject) => compared(question, &subject, groups),
        Err(_) => comparisons::compare(question, comparisons::pairs(question, groups)),
    };
    Question::ALL.into_iter().flat_map(of_question).collect()
}

fn choice_is_missing(runs: usize) -> Statement {
    Statement::new(
        "No choice",
        format!(
            "There are {runs} pretraining runs or settings and no validation images to choose one by, and the test images \
             choose nothing here: set `validation_fraction`. All comparisons are in the table below."
        ),
    )
}

#[cfg(test)]
mod tests;
