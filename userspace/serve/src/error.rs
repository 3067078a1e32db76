//! What clients are told when something cannot be done.

use tandem_engine::EngineError;
use thiserror::Error;

/// Why, in the terms of both protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client can mend it: 400, INVALID_ARGUMENT.
    InvalidArgument,
    /// No such model, version or path: 404, NOT_FOUND.
    NotFound,
    /// Above a limit: 413, RESOURCE_EXHAUSTED.
    TooLarge,
    /// Not now: 503, UNAVAILABLE.
    Unavailable,
    /// Not offered, or switched off: 501, UNIMPLEMENTED.
    Unsupported,
    /// The runtime failed: 500, INTERNAL.
    Internal,
}

/// A refusal or failure, as the client reads it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ServeError {
    /// Why.
    pub kind: Kind,
    /// What and where, for people.
    pub message: String,
}

impl ServeError {
    /// [`Kind::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: Kind::InvalidArgument, message: message.into() }
    }

    /// [`Kind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { kind: Kind::NotFound, message: message.into() }
    }

    /// [`Kind::TooLarge`].
    pub fn too_large(message: impl Into<String>) -> Self {
        Self { kind: Kind::TooLarge, message: message.into() }
    }

    /// [`Kind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unavailable, message: message.into() }
    }

    /// [`Kind::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unsupported, message: message.into() }
    }

    /// [`Kind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self { kind: Kind::Internal, message: message.into() }
    }
}

impl From<EngineError> for ServeError {
    fn from(error: EngineError) -> Self {
        Self::internal(error.to_string())
    }
}
