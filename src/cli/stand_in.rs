//! Stand-in for what is not merged yet. To drop: `s/super::stand_in::/crate::/` in `src/cli`, and this file.
#![allow(missing_docs, dead_code, unused_variables, clippy::missing_errors_doc)]

pub(crate) mod config {
    use crate::config::Study;
    use std::path::Path;
    pub(crate) struct Loaded {
        pub(crate) study: Study,
    }
    #[derive(Debug)]
    pub(crate) struct Diagnostics(String);
    impl Diagnostics {
        pub(crate) fn render(&self, color: bool) -> String {
            format!("error: {}", self.0)
        }
    }
    pub(crate) fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
        std::fs::read_to_string(path).map_err(|e| Diagnostics(format!("{}: {e}", path.display())))?;
        Ok(Loaded { study: Study { name: "stand_in".into(), title: "Stand-in".into(), variants: vec![] } })
    }
}

pub(crate) mod stages {
    use super::config::{Diagnostics, Loaded};
    use crate::base::{Error, Result};
    use crate::config::pipeline::DeviceChoice;
    use crate::engine::{Graph, Outcome, StageId};
    use std::path::{Path, PathBuf};
    pub(crate) struct Assembly {
        pub(crate) graph: Graph,
        pub(crate) report: StageId,
    }
    #[derive(Debug)]
    pub(crate) enum AssembleError {
        Diagnostics(Diagnostics),
        Error(Error),
    }
    struct Fake(&'static str);
    impl crate::engine::Stage for Fake {
        fn name(&self) -> String {
            format!("{}.main", self.0)
        }
        fn kind(&self) -> &'static str {
            self.0
        }
        fn version(&self) -> u32 {
            1
        }
        fn parameters(&self) -> serde_json::Value {
            let steps: u64 = std::env::var("STEPS").ok().and_then(|t| t.parse().ok()).unwrap_or(3);
            serde_json::json!({ "steps": steps })
        }
        fn run(&self, context: &crate::engine::Context<'_>) -> Result<String> {
            let steps = self.parameters()["steps"].as_u64().unwrap_or(0);
            for step in 0..steps {
                context.check_interrupted()?;
                context.progress(step, steps, format!("loss {:.2}", 3.0 / (step + 1) as f64));
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            if std::env::var_os("FAIL").is_some() {
                return Err(Error::stage("the loss is not finite").help("try a lower learning rate"));
            }
            if std::env::var_os("PANIC").is_some() {
                return Err(Error::stage(format!("{}", [1][steps as usize])));
            }
            crate::base::files::write_atomic(&context.output().join("out.txt"), b"hello")?;
            Ok("accuracy 0.5".into())
        }
    }
    pub(crate) fn assemble(
        loaded: &Loaded,
        output: &Path,
        device: Option<DeviceChoice>,
    ) -> Result<Assembly, AssembleError> {
        let mut graph = Graph::new();
        let split = graph.add(Box::new(Fake("split")), &[]).map_err(AssembleError::Error)?;
        let report = graph.add(Box::new(Fake("report")), &[("split", split)]).map_err(AssembleError::Error)?;
        Ok(Assembly { graph, report })
    }
    pub(crate) fn publish(assembly: &Assembly, outcome: &Outcome, output: &Path) -> Result<PathBuf> {
        Ok(output.join("stand_in/report/index.html"))
    }
    pub(crate) fn results_table(assembly: &Assembly, outcome: &Outcome) -> Result<String> {
        Ok("| a | b |\n|---|---|\n".into())
    }
    pub(crate) fn preview(
        loaded: &Loaded,
        output: &Path,
        augment: Option<&str>,
        count: usize,
        png: &Path,
    ) -> Result<()> {
        Err(Error::stage("stand-in"))
    }
}

pub(crate) mod model {
    use crate::base::{Error, Result};
    use crate::model::EncoderConfig;
    #[derive(serde::Serialize)]
    pub(crate) struct Summary;
    impl std::fmt::Display for Summary {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("stand-in\n")
        }
    }
    pub(crate) fn summarize(encoder: &EncoderConfig, head: &[usize], side: usize) -> Result<Summary> {
        Err(Error::stage("stand-in"))
    }
}
