//! The conclusions of a report, in sentences. Each states an effect with its confidence interval; differences are
//! paired by test image and seed ([`crate::analysis::comparison`]), and only validation images are used for selection
//! ([`selection`]).

mod caveats;
pub(crate) mod collapse;
mod depths;
mod majority;
pub(crate) mod phrase;
mod pretraining;
pub(crate) mod selection;
mod settings;

use crate::render::comparisons::{self, Comparison, Question};
use crate::render::data::Report;
use crate::render::groups::{self, Group};
use crate::render::{transfer, words};
use selection::{NoSelection, SelectedRun};
use serde::Serialize;

/// One or a few sentences on one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Statement {
    /// The question in a word or two.
    pub(crate) topic: String,
    pub(crate) text: String,
}

impl Statement {
    fn new(topic: &str, text: impl Into<String>) -> Self {
        Self { topic: topic.to_owned(), text: text.into() }
    }
}

const NOTHING: &str = "No evaluation has finished, so there are no results.";
const NO_ACCURACY: &str =
    "No test accuracy was measured, so nothing is compared here; the tables below have the results.";

/// Returns the conclusions, most important first; never empty.
pub(crate) fn statements(report: &Report) -> Vec<Statement> {
    let groups = groups::over_seeds(&report.results);
    let measured = groups::measured(&groups);
    if measured.is_empty() {
        let has_tables = report.tables.iter().any(|table| !table.rows.is_empty());
        let nothing = Statement::new("Results", if has_tables { NO_ACCURACY } else { NOTHING });
        let others = collapse::statement(report).into_iter().chain(caveats::failures(report));
        return std::iter::once(nothing).chain(others).collect();
    }
    let mut statements: Vec<Statement> = caveats::shared_images(report).collect();
    let majority = majority::statement(report, &measured);
    // If nothing was learned, say so first.
    let (first, last) = if majority.is_alarming { (majority.statement, None) } else { (None, majority.statement) };
    statements.extend(first);
    match selection::selected_run(&measured) {
        Ok(selected) => {
            statements.extend(on_selected_run(&selected, &measured));
            statements.extend(transfer(&selected, &measured));
        }
        Err(NoSelection::NoValidation(runs)) => statements.push(no_selection(runs)),
        Err(NoSelection::NoEvaluations) => statements.extend(pretraining::without_features(&measured)),
    }
    statements.extend(settings::statements(report, &measured));
    statements.extend(last);
    statements.extend(collapse::statement(report));
    statements.extend(caveats::all(report, &measured));
    statements
}

fn on_selected_run(selected: &SelectedRun<'_, '_>, measured: &[&Group<'_>]) -> Vec<Statement> {
    let mut statements = vec![pretraining::reached(selected)];
    statements.push(pretraining::against_untrained(&compared(Question::Pretraining, selected, measured)));
    statements.extend(pretraining::against_supervised(&compared(Question::Supervised, selected, measured)));
    statements.extend(pretraining::fine_tuned(&compared(Question::FineTuning, selected, measured)));
    statements.extend(depths::statement(selected, &compared(Question::Depth, selected, measured)));
    statements
}

/// Names the data set that the statements on the selected run are about, if others were evaluated on.
fn transfer(selected: &SelectedRun<'_, '_>, measured: &[&Group<'_>]) -> Option<Statement> {
    let main = &selected.selected_by.first().dataset;
    measured.iter().any(|group| group.first().dataset != *main).then(|| {
        let name = words::code(words::dataset(main));
        let text = format!(
            "These statements are about evaluation on {name}; the table \"{}\" has the others.",
            transfer::TITLE
        );
        Statement::new("Data sets", text)
    })
}

/// Returns the comparisons on one question that concern the selected run, with p-values adjusted together.
fn compared<'r, 'g>(
    question: Question,
    selected: &SelectedRun<'r, 'g>,
    groups: &[&'g Group<'r>],
) -> Vec<Comparison<'r, 'g>> {
    let concerns_selected_run = |group: &Group<'_>| match question {
        Question::FineTuning => {
            group.first().from == selected.selected_by.first().from
                && comparisons::have_same_settings(group, selected.selected_by)
        }
        _ => selected.evaluations.iter().any(|other| std::ptr::eq(*other, group)),
    };
    let pairs = comparisons::pairs(question, groups).into_iter().filter(|(first, _)| concerns_selected_run(first));
    comparisons::compare(question, pairs.collect())
}

/// Returns the comparisons that the verdict reports, for the table below it; all of the study if no run was selected.
pub(crate) fn shown<'r, 'g>(groups: &[&'g Group<'r>]) -> Vec<Comparison<'r, 'g>> {
    let of_question = |question| match selection::selected_run(groups) {
        Ok(selected) => compared(question, &selected, groups),
        Err(_) => comparisons::compare(question, comparisons::pairs(question, groups)),
    };
    Question::ALL.into_iter().flat_map(of_question).collect()
}

fn no_selection(runs: usize) -> Statement {
    Statement::new(
        "No selection",
        format!(
            "There are {runs} pretraining runs or settings but no validation images to select one, and the test images \
             are never used for selection: set `validation_fraction`. The table below lists all comparisons."
        ),
    )
}

#[cfg(test)]
mod tests;
