"""Decides one request against Cedar rules and explains the verdict.

    engine = PolicyEngine.from_directory()
    decision = engine.decide(LookupRequest(...))

Reads no database: all facts arrive with the request. What no rule permits is refused.
"""

from policies.decisions import Decision, Reason
from policies.engine import PolicyEngine, default_schema
from policies.errors import RuleFault, RuleSetError
from policies.requests import ActRequest, LookupRequest
from policies.rulebook import Rule

__all__ = [
    "ActRequest",
    "Decision",
    "LookupRequest",
    "PolicyEngine",
    "Reason",
    "Rule",
    "RuleFault",
    "RuleSetError",
    "default_schema",
]
