//! Off a terminal: one line for each thing that changed.

use std::collections::HashMap;

use sendstores_client::{State, Store, v1};

use crate::{text, view};

#[derive(Default)]
pub(crate) struct Lines {
    state: Option<i32>,
    steps: HashMap<String, v1::Step>,
    failure: Option<v1::Failure>,
}

// === impl Lines ===

impl Lines {
    /// What is new since the last time.
    pub(crate) fn show(&mut self, store: &Store) -> Vec<String> {
        let mut lines = Vec::new();
        let since = text::between(store.delete_time.or(store.create_time), store.update_time).map(text::duration);
        let mut line = |text: String| lines.push(format!("{:>8}  {text}", since.as_deref().unwrap_or_default()));
        // A state in which the store rests is shown after the steps that led to it.
        let news = self.state.replace(store.state) != Some(store.state);
        let (before, behind) = (news && !at_rest(store), news && at_rest(store));
        let state = format!("{} is {}", store.id, view::state(store));
        if before {
            line(state.clone());
        }
        for step in &store.steps {
            if self.steps.get(&step.name) != Some(step) && step.state() != v1::step::State::Pending {
                let view::StepLine { mark, took, text } = view::step(step);
                let rest = [took, text].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
                line(format!("{mark} {:<12} {rest}", step.name).trim_end().to_owned());
            }
            self.steps.insert(step.name.clone(), step.clone());
        }
        if behind {
            line(state);
        }
        if self.failure != store.failure {
            if let Some(failure) = &store.failure {
                line(format!("! {}", view::failure(failure)));
                let told = self.failure.as_ref().map(|before| before.suggestion.as_str());
                if !failure.suggestion.is_empty() && told != Some(&failure.suggestion) {
                    line(format!("  to do: {}", text::line(&failure.suggestion)));
                }
            }
            self.failure.clone_from(&store.failure);
        }
        lines
    }
}

fn at_rest(store: &Store) -> bool {
    matches!(
        store.state(),
        State::Ready | State::Degraded | State::Failed | State::Suspended | State::Retained | State::Deleted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::sample;

    #[test]
    fn only_what_changed_is_told() {
        let mut lines = Lines::default();
        let mut store = sample();
        let mut told = lines.show(&store);
        told.push("-- nothing new".to_owned());
        told.extend(lines.show(&store));
        store.failure = None;
        store.steps[1].state = v1::step::State::Succeeded.into();
        store.steps[2].state = v1::step::State::Running.into();
        store.steps[2].attempt = 1;
        store.steps[2].detail = "waits for the pod".to_owned();
        told.push("-- one step on".to_owned());
        told.extend(lines.show(&store));
        store.state = State::Ready.into();
        told.push("-- ready".to_owned());
        told.extend(lines.show(&store));
        insta::assert_snapshot!(told.join("\n"));
    }
}
