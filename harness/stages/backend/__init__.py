"""A simulated model backend: its slots, the line in front of them, its service times, and what load does to it."""

from harness.stages.backend.simulated import (
    BackendCall,
    BackendFull,
    BackendReply,
    CallInfo,
    SimulatedBackend,
)
from harness.words.operation import CallOutcome

__all__ = ["BackendCall", "BackendFull", "BackendReply", "CallInfo", "CallOutcome", "SimulatedBackend"]
