//! Images through the agent: ingest into a frame slot, submit, wait for the answer.

use std::sync::Arc;
use std::time::Duration;

use tandem_link::message::Nanos;
use tandem_model::pre::Layout;

use super::{Service, TensorDump, policy};
use crate::agent::{FrameSlot, IngestedFrame};
use crate::api::{ApiError, Inspection, Silicon};
use crate::control::ImageRequest;
use crate::counters::StageName;
use crate::dataplane::Trigger;
use crate::ingest;
use crate::job::Answer;
use crate::judge::Policy;
use crate::recipe::{Explanation, RecipeJudge};

/// How long an image waits for a free frame slot before it is told `busy`.
const FRAME_WAIT: Duration = Duration::from_secs(10);
/// Room between a job's deadline and the moment at which its client stops waiting.
const ANSWER_GRACE: Duration = Duration::from_secs(30);

impl Service {
    /// One image in, one verdict out.
    pub async fn inspect(&self, request: ImageRequest) -> Result<Inspection, ApiError> {
        self.inspect_shared(&Arc::new(request)).await
    }

    pub(crate) async fn inspect_shared(
        &self,
        request: &Arc<ImageRequest>,
    ) -> Result<Inspection, ApiError> {
        let (policy, _) = self.policy_for(request)?;
        let frame = self.ingest(request, policy).await?;
        let deadline = frame.deadline;
        let ticket = self.agent.submit(frame)?;
        Ok(self.published(self.answer(ticket, deadline).await?.into_inspection()))
    }

    /// One part of a line: `trigger` is what the gate said when it passed, if the firmware told.
    /// A pass takes its reject back, which must reach the gate before it is due.
    pub async fn inspect_part(
        &self,
        request: ImageRequest,
        trigger: Option<Trigger>,
    ) -> Result<Inspection, ApiError> {
        let request = Arc::new(request);
        let (policy, _) = self.policy_for(&request)?;
        let mut frame = self.ingest(&request, policy).await?;
        if let Some(trigger) = trigger {
            frame.tag = Some(trigger.tag);
            // Due at a position of the belt: nobody knows when, so the request's own deadline stays.
            if trigger.due != Nanos::MAX {
                let due = frame.deadline.map_or(trigger.due, |own| own.min(trigger.due));
                frame.deadline = Some(due);
            }
        }
        let deadline = frame.deadline;
        let ticket = self.agent.submit(frame)?;
        Ok(self.published(self.answer(ticket, deadline).await?.into_inspection()))
    }

    /// As [`Service::inspect`], with what every rule measured.
    pub async fn explain(
        &self,
        request: ImageRequest,
    ) -> Result<(Inspection, Explanation), ApiError> {
        let request = Arc::new(request);
        let (own, judge) = self.policy_for(&request)?;
        // Not the one in force: a switch meanwhile would part the verdict from its explanation.
        let own = own.unwrap_or_else(|| Arc::new(policy(&self.base, judge.clone())));
        let frame = self.ingest(&request, Some(own)).await?;
        let deadline = frame.deadline;
        let ticket = self.agent.submit(frame)?;
        let answer = self.answer(ticket, deadline).await?;
        let explanation = judge.trace(&answer.detections, answer.size);
        Ok((answer.into_inspection(), explanation))
    }

    /// The tensor that the model would be given.
    pub async fn tensor(&self, request: ImageRequest) -> Result<TensorDump, ApiError> {
        let request = Arc::new(request);
        let (own, _) = self.policy_for(&request)?;
        let frame = self.ingest(&request, own).await?;
        let deadline = frame.deadline;
        let ticket = self.agent.tensor(frame)?;
        let answer = self.answer(ticket, deadline).await?;
        if let Some(code) = answer.code {
            let message = format!("The tensor could not be made: {}", answer.verdict().reason);
            return Err(ApiError::new(code.name(), "tensor", message));
        }
        let silicon = answer.stages[StageName::Pre as usize].map(|stage| stage.silicon);
        Ok(TensorDump {
            width: answer.policy.width,
            height: answer.policy.height,
            layout: match answer.policy.layout {
                Layout::Planar => "planar".to_owned(),
                Layout::Interleaved => "interleaved".to_owned(),
            },
            silicon: silicon.unwrap_or(Silicon::Cpu),
            degraded: answer.degraded.iter().map(|incident| incident.name().to_owned()).collect(),
            image: answer.name,
            bytes: answer.tensor.into(),
        })
    }

    /// The policy of a request that names a recipe of its own, and the judge either way.
    fn policy_for(
        &self,
        request: &ImageRequest,
    ) -> Result<(Option<Arc<Policy>>, Arc<RecipeJudge>), ApiError> {
        match &request.recipe {
            None => Ok((None, self.judge.load_full())),
            Some(name) => {
                let judge = Arc::new(self.bind(self.recipes.load(name)?)?);
                Ok((Some(Arc::new(policy(&self.base, judge.clone()))), judge))
            }
        }
    }

    async fn ingest(
        &self,
        request: &Arc<ImageRequest>,
        policy: Option<Arc<Policy>>,
    ) -> Result<IngestedFrame, ApiError> {
        let began = self.agent.now();
        // Limits first: what is refused anyway takes no slot.
        let info = ingest::probe(&request.bytes.0, self.agent.frame_capacity())?;
        let reserve = tokio::time::timeout(FRAME_WAIT, self.agent.reserve_frame());
        let slot = match reserve.await {
            Ok(Some(slot)) => slot,
            Ok(None) => return Err(ApiError::new("stopping", "agent", "The agent shuts down")),
            Err(_) => {
                let message = "No frame slot became free in time, send fewer images at once";
                return Err(ApiError::new("busy", "agent", message));
            }
        };
        let bytes = request.clone();
        let decode = move |mut slot: FrameSlot| {
            ingest::decode_into(&bytes.bytes.0, &info, slot.bytes_mut()).map(|()| slot)
        };
        let slot = tokio::task::spawn_blocking(move || decode(slot)).await.map_err(|_| {
            ApiError::new("image_corrupt", "image", "The image made its decoder fail")
        })??;
        let deadline = request.deadline_ms.map(|ms| began + u64::from(ms) * 1_000_000);
        Ok(IngestedFrame {
            slot,
            frame: info.frame,
            name: request.name.clone(),
            began,
            bytes_in: request.bytes.0.len() as u64,
            deadline,
            tag: None,
            policy,
            options: request.options.clone(),
        })
    }

    /// Every job is answered, by its deadline at the latest; the limit here only keeps a client
    /// from hanging on a data plane that died.
    async fn answer(
        &self,
        ticket: crate::ticket::Ticket<Box<Answer>>,
        deadline: Option<u64>,
    ) -> Result<Box<Answer>, ApiError> {
        let now = self.agent.now();
        let left = deadline.map_or(self.agent.default_deadline(), |at| at.saturating_sub(now));
        let limit = Duration::from_nanos(left) + ANSWER_GRACE;
        match tokio::time::timeout(limit, ticket).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(gone)) => Err(ApiError::new("stopping", "agent", gone.to_string())),
            Err(_) => Err(ApiError::new("no_answer", "agent", "The data plane does not answer")),
        }
    }
}
