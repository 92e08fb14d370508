//! A bar on standard error for work that takes longer than two seconds.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use crate::controller::{ConnectorReport, Standalone, View};

/// Shows how far connectors are, until it is dropped.
pub struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Progress {
    /// Follows all connectors.
    pub fn follow(standalone: &Standalone) -> Self {
        let views: Vec<View> = standalone.connectors().values().map(|connector| connector.view().clone()).collect();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} tasks, {per_sec}, {eta} left {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let shown = bar.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            if std::io::stderr().is_terminal() {
                shown.set_draw_target(ProgressDrawTarget::stderr());
            }
            loop {
                update(&shown, &views);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self { bar, task }
    }
}

fn update(bar: &ProgressBar, views: &[View]) {
    let reports: Vec<_> = views.iter().map(View::report).collect();
    let ended = |report: &ConnectorReport| {
        let totals = report.engine.totals;
        totals.done + totals.parked + totals.absorbed
    };
    let done: u64 = reports.iter().map(ended).sum();
    let left: u64 = reports.iter().map(|report| report.engine.backlog).sum();
    bar.set_length(done + left);
    bar.set_position(done);
    let parked: u64 = reports.iter().map(|report| report.engine.parked).sum();
    let waiting = reports.iter().find_map(ConnectorReport::stuck);
    bar.set_message(match (waiting, parked) {
        (Some(reason), _) => format!("waiting: {reason}"),
        (None, 0) => String::new(),
        (None, parked) => format!("{parked} parked"),
    });
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}
