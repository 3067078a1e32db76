//! Routing policies: check, apply, show, explain.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tandem_policy::{
    Explanation, Facts, Finding, Refusal, RuleSpec, Snapshot, Status, Store, Watch,
};

use super::{REPORT_WAIT, Service};
use crate::api::ApiError;
use crate::control::ImageRequest;
use crate::dataplane::PeerState;
use crate::ingest;
use crate::job::JOBS;

/// One rule for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSummary {
    /// Name; `default` for the last.
    pub name: String,
    /// What it asks of a job.
    pub matches: String,
    /// Where the job goes.
    pub route: String,
    /// What part of the jobs goes elsewhere; empty for none.
    pub canary: String,
    /// What part of the jobs is run again; empty for none.
    pub shadow: String,
}

/// The answer about a document, or about the policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// The document, `name@version`; `None` where it was refused, or none is in force.
    pub policy: Option<String>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// Its rules in order, the default last.
    pub rules: Vec<RuleSummary>,
    /// The policy in force, and how policies do.
    pub status: Status,
}

impl RuleSummary {
    fn of(rule: &RuleSpec) -> RuleSummary {
        RuleSummary {
            name: rule.name.value.clone(),
            matches: rule.matches.describe(),
            route: rule.route.describe(),
            canary: rule.canary.as_ref().map(|canary| canary.describe()).unwrap_or_default(),
            shadow: rule.shadow.as_ref().map(|shadow| shadow.describe()).unwrap_or_default(),
        }
    }
}

impl PolicyReport {
    fn of(snapshot: Option<&Snapshot>, findings: Vec<Finding>, status: Status) -> PolicyReport {
        let rules = snapshot.map(|snapshot| {
            let document = snapshot.document();
            let rules = document.rules.iter().map(RuleSummary::of);
            let default = RuleSummary {
                name: "default".to_owned(),
                matches: "any job".to_owned(),
                route: document.default.describe(),
                canary: String::new(),
                shadow: String::new(),
            };
            rules.chain([default]).collect()
        });
        let policy = snapshot.map(|snapshot| snapshot.id().to_owned());
        PolicyReport { policy, findings, rules: rules.unwrap_or_default(), status }
    }
}

impl Service {
    /// Keeps what brings routing policies for as long as the service lives; one at most.
    pub fn follow(&self, watch: Watch) {
        let _ = self.watch.set(watch);
    }

    fn routing(&self) -> Result<&Arc<Store>, ApiError> {
        let message = "This agent was started without routing policies";
        self.agent.routing().ok_or_else(|| ApiError::new("policy_unsupported", "agent", message))
    }

    /// Holds a document against this agent; changes nothing.
    ///
    /// # Errors
    /// The agent has no routing policies. What is wrong with the document is in the report.
    pub fn check_policy(&self, file: &str, text: &str) -> Result<PolicyReport, ApiError> {
        let store = self.routing()?;
        Ok(report(store, store.check(file, text).as_ref()))
    }

    /// Puts a document in force, whole, for every image that is admitted from now on; the last good
    /// one stays if it is refused. The next change of the agent's own source puts that in force.
    ///
    /// # Errors
    /// As [`Service::check_policy`].
    pub fn apply_policy(&self, file: &str, text: &str) -> Result<PolicyReport, ApiError> {
        let store = self.routing()?;
        Ok(report(store, store.offer(file, text, None).as_deref()))
    }

    /// The policy in force.
    ///
    /// # Errors
    /// As [`Service::check_policy`].
    pub fn show_policy(&self) -> Result<PolicyReport, ApiError> {
        let store = self.routing()?;
        let current = store.current();
        Ok(PolicyReport::of(current.as_deref(), Vec::new(), store.report()))
    }

    /// Where an image would go now, and why. It is looked at, and not inspected.
    ///
    /// # Errors
    /// The image is none, or there is no policy in force.
    pub async fn explain_policy(&self, request: ImageRequest) -> Result<Explanation, ApiError> {
        ingest::probe(&request.bytes.0, self.agent.frame_capacity())?;
        let Some(policy) = self.routing()?.current() else {
            let message = "No policy is in force: every image may use everything. Put one in force \
                           with agentctl policy apply, or agentd --policy";
            return Err(ApiError::new("policy_absent", "policy", message));
        };
        let report = tokio::time::timeout(REPORT_WAIT, self.agent.report()).await;
        let Ok(Ok(report)) = report else {
            return Err(ApiError::new("no_answer", "agent", "The data plane does not answer"));
        };
        let default_ms = (self.agent.default_deadline() / 1_000_000).try_into().unwrap_or(u32::MAX);
        let options = &request.options;
        Ok(policy.explain(&Facts {
            job: options.id.unwrap_or_default(),
            model: self.model(),
            stream: &options.stream,
            priority: options.priority,
            deadline_ms: request.deadline_ms.unwrap_or(default_ms),
            logic_up: report.peer.state == PeerState::Up,
            ready: self.agent.engines_ready(),
            load: f64::from(report.jobs) / JOBS as f64,
        }))
    }
}

fn report(store: &Store, outcome: Result<&Snapshot, &Refusal>) -> PolicyReport {
    let findings = outcome.err().map(|refusal| refusal.findings.clone()).unwrap_or_default();
    PolicyReport::of(outcome.ok(), findings, store.report())
}
