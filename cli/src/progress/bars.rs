//! On a terminal: one line for each step, the running ones alive.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sendstores_client::{Store, v1};

use crate::{notices::Notices, text, view};

const TICK: Duration = Duration::from_millis(100);

pub(crate) struct Bars {
    all: MultiProgress,
    head: ProgressBar,
    steps: HashMap<String, Line>,
    /// Why the store does not advance; below the steps, because it may need several lines.
    foot: Option<ProgressBar>,
}

struct Line {
    bar: ProgressBar,
    state: Option<v1::step::State>,
}

// === impl Bars ===

impl Bars {
    pub(crate) fn new() -> Self {
        // To stderr, as indicatif does by default: stdout is for the result.
        let all = MultiProgress::new();
        let head = all.add(ProgressBar::new_spinner().with_style(style("{msg}")));
        Self { all, head, steps: HashMap::new(), foot: None }
    }

    /// Notices above the lines.
    pub(crate) fn notices(&self) -> Notices {
        Notices::Above(self.all.clone())
    }

    pub(crate) fn show(&mut self, store: &Store) {
        self.head.set_message(format!("{}  {}", store.id, view::state(store)));
        if let Some(foot) = self.foot.take() {
            self.all.remove(&foot);
        }
        // The one step of a deletion takes the place of those of provisioning.
        self.steps.retain(|name, line| {
            let kept = store.steps.iter().any(|step| step.name == *name);
            if !kept {
                self.all.remove(&line.bar);
            }
            kept
        });
        for step in &store.steps {
            let line = self.steps.entry(step.name.clone()).or_insert_with(|| Line {
                bar: self.all.add(ProgressBar::new_spinner().with_prefix(text::line(&step.name))),
                state: None,
            });
            line.show(step);
        }
        if let Some(why) = &store.failure {
            let foot = self.all.add(ProgressBar::new_spinner().with_style(style("  ! {msg}")));
            foot.set_message(view::failure(why));
            self.foot = Some(foot);
        }
    }

    pub(crate) fn finish(&mut self) {
        for Line { bar, .. } in self.steps.values() {
            bar.abandon();
        }
        if let Some(foot) = &self.foot {
            foot.abandon();
        }
        self.head.abandon();
    }
}

// === impl Line ===

impl Line {
    fn show(&mut self, step: &v1::Step) {
        let view::StepLine { mark, took, text } = view::step(step);
        let running = step.state() == v1::step::State::Running;
        if running {
            if self.state != Some(step.state()) {
                self.bar.set_style(style("  {spinner} {prefix:12} {elapsed:>7}  {wide_msg}"));
                self.bar = self.bar.clone().with_elapsed(since(step));
                self.bar.enable_steady_tick(TICK);
            }
        } else {
            self.bar.disable_steady_tick();
            self.bar.set_style(style(&format!("  {mark} {{prefix:12}} {took:>7}  {{wide_msg}}")));
        }
        self.state = Some(step.state());
        self.bar.set_message(text);
        self.bar.tick();
    }
}

/// How long the step has been under way. The clocks of two machines differ: never less than nothing.
fn since(step: &v1::Step) -> Duration {
    let start = step.start_time.and_then(text::system_time);
    start.and_then(|start| SystemTime::now().duration_since(start).ok()).unwrap_or_default()
}

/// The templates are constants but for marks and numbers; one that could not be read would only look different.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::sample;

    #[test]
    fn every_template_can_be_read() {
        for template in
            ["{msg}", "  {spinner} {prefix:12} {elapsed:>7}  {wide_msg}", "  ✓ {prefix:12}    0.4s  {wide_msg}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn each_step_of_the_store_has_its_line() {
        let mut bars = Bars::new();
        let mut store = sample();
        bars.show(&store);
        assert_eq!(bars.steps.len(), 3);
        store.steps.truncate(1);
        store.steps[0].name = "removal".to_owned();
        bars.show(&store);
        assert_eq!(bars.steps.keys().collect::<Vec<_>>(), ["removal"]);
    }
}
