"""What the errors of each service mean, as data; how they are read is in ``_refusals``.

Sources, as published in November 2026: OpenAI, developers.openai.com/docs/guides/error-codes and the
``error`` events of the Realtime guide; Google, ai.google.dev/gemini-api/docs/troubleshooting and the reasons
with which Gemini Live closes; Alibaba Cloud, help.aliyun.com/en/model-studio/error-code; RFC 9110 and RFC
6455 for statuses. Within a table come first the errors of the account, then those of the sample, then limits.

**Content.** A service that refuses what it is sent for its policy refuses the sample: it would again, and no
model has answered. A reply that its own filter cuts short is what the model said, and no error.
"""

from tml_bench.adapter import AccountError, QuotaError, SampleRefusedError
from tml_bench.adapters._refusals import RefusalRule, ServiceRefusals

KEY = "check {key}: it must be a valid key of this service and region"
CREDIT = "add credit to the account, or raise its spend limit"
RIGHTS = "give the account or the project of {key} access to what is asked for, or use another key"
MODEL = "name a model with model= that the account has"
ADDRESS = "check the address in the adapter's options: nothing that takes sessions is there"

STATUSES = (
    RefusalRule("no credit", AccountError, ("402",), remedy=CREDIT),
    RefusalRule("wrong key", AccountError, ("401",), remedy=KEY),
    RefusalRule("no permission", AccountError, ("403",), remedy=f"{RIGHTS}; or {ADDRESS}"),
    RefusalRule(
        "wrong address or model", AccountError, ("404", "405", "410", "426", "501"),
        remedy=f"{ADDRESS}, or {MODEL}"
    ),
    RefusalRule(
        "redirect, which is not followed", AccountError, ("301", "302", "303", "307", "308"),
        remedy="give the final address in the adapter's options",
    ),
    RefusalRule("proxy", AccountError, ("407",), remedy="give the proxy's user and password in its variable"),
    RefusalRule("refuses this request", SampleRefusedError, ("400", "413", "414", "422", "431")),
    RefusalRule("rate limit or overload", QuotaError, ("429", "529")),
)  # fmt: skip
"""What HTTP's status says where nothing else does."""

COMMON = (
    RefusalRule(
        "no credit", AccountError,
        ("insufficient_quota", "insufficient_balance", "insufficient_credits", "insufficient_credit",
         "payment_required", "billing_not_active"),
        r"(?:insufficient|no|out of) (?:credits?|balance|funds)\b|payment required"
        r"|exceeded your current quota",
        CREDIT,
    ),
    RefusalRule(
        "wrong key", AccountError,
        ("invalid_api_key", "incorrect_api_key", "authentication_error", "AuthenticationError",
         "unauthorized", "unauthenticated"),
        r"(?:invalid|incorrect|missing|expired|no) api[ _-]?key"
        r"|api[ _-]?key (?:is )?(?:not valid|invalid|expired)"
        r"|\bunauthori[sz]ed\b|invalid authentication",
        KEY,
    ),
    RefusalRule(
        "no permission", AccountError,
        ("permission_denied", "permission_error", "PermissionDeniedError", "access_denied", "forbidden"),
        r"permission denied|access denied",
        RIGHTS,
    ),
    RefusalRule(
        "unknown model", AccountError, ("model_not_found", "invalid_model", "model_not_supported"),
        r"model\b.{0,80}(?:does not exist|not found|not exist\b|is not supported)|unknown model",
        MODEL,
    ),
    RefusalRule(
        "too long or too large", SampleRefusedError,
        ("session_expired", "context_length_exceeded", "context_full", "input_too_large", "request_too_large",
         "payload_too_large", "string_above_max_length", "message_too_big"),
        r"maximum context length|context (?:window|length|limit|is full)"
        r"|(?<!took )(?<!takes )too (?:large|long|big)\b"
        r"|session.{0,40}(?:expired|(?:maximum|max) duration)|(?:maximum|max) session",
    ),
    RefusalRule(
        "content", SampleRefusedError,
        ("content_policy_violation", "content_filter", "moderation_blocked", "input_moderation"),
        r"content (?:management )?policy",
    ),
    RefusalRule(
        "limit or overload", QuotaError,
        ("rate_limit_exceeded", "rate_limit_error", "slow_down", "session_limit_reached", "too_many_requests",
         "server_is_overloaded", "overloaded_error"),
        r"quota|rate.?limit|resource.?exhausted|too.many|limit.?reached|overloaded|too busy|is busy"
        r"|at capacity",
    ),
)  # fmt: skip
"""What is said in the same words by many services, and by servers of your own."""


def _table(service: str, *rules: RefusalRule, key: str = "") -> ServiceRefusals:
    return ServiceRefusals(service, (*rules, *COMMON), key, STATUSES)


_OPENAI_RULES = (
    RefusalRule(
        "no credit", AccountError,
        ("insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
         "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached"),
        remedy=f"{CREDIT}: platform.openai.com/settings/organization/billing",
    ),
    RefusalRule(
        "account closed, or not in this country", AccountError,
        ("account_deactivated", "access_terminated", "unsupported_country_region_territory",
         "invalid_organization", "mismatched_project", "missing_scope"),
        remedy="see platform.openai.com/settings/organization for what {key} may do",
    ),
    RefusalRule(
        "form that is no more", AccountError, ("beta_api_shape_disabled",),
        remedy="leave the beta's header and base_url out: this adapter speaks the GA form",
    ),
    RefusalRule("more than the account's limit a minute", SampleRefusedError, says=r"request too large for"),
)  # fmt: skip

OPENAI = _table("OpenAI", *_OPENAI_RULES, key="OPENAI_API_KEY")

OPENAI_LIVE = _table(
    "OpenAI Live",
    RefusalRule("end of the longest session", SampleRefusedError, ("expired",)),
    RefusalRule("content", SampleRefusedError, ("content",)),
    *_OPENAI_RULES,
    key="OPENAI_API_KEY",
)

DASHSCOPE = _table(
    "DashScope",
    RefusalRule(
        "arrears, or nothing left of what is free", AccountError,
        ("Arrearage", "PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased",
         "AllocationQuota.FreeTierOnly"),
        r"overdue|good standing|free (?:tier|quota|allocated quota)",
        "pay what is due under Expenses and Costs of the Alibaba Cloud console",
    ),
    RefusalRule("wrong key", AccountError, ("InvalidApiKey",), remedy=f"{KEY} (base_url= is the region's)"),
    RefusalRule(
        "no permission", AccountError,
        ("AccessDenied", "AccessDenied.Unpurchased", "Model.AccessDenied", "Workspace.AccessDenied"),
        remedy=RIGHTS,
    ),
    RefusalRule("unknown model", AccountError, ("ModelNotFound",), r"model not exist", MODEL),
    RefusalRule("too long", SampleRefusedError, says=r"range of input length"),
    RefusalRule(
        "content", SampleRefusedError, ("DataInspectionFailed", "data_inspection_failed"),
        r"inappropriate content"
    ),
    RefusalRule(
        "limit", QuotaError,
        ("Throttling", "Throttling.RateQuota", "Throttling.BurstRate", "Throttling.AllocationQuota",
         "insufficient_quota", "limit_requests"),  # here the last two are tokens and requests a minute
    ),
    key="DASHSCOPE_API_KEY",
)  # fmt: skip

GEMINI = _table(
    "Gemini",
    RefusalRule(
        "no credit", AccountError, ("402", "BILLING_DISABLED", "CONSUMER_SUSPENDED"),
        r"prepay|credits? (?:are|is|have been) depleted|enable billing|billing (?:is|has been) disabled",
        "see Billing at aistudio.google.com for the project of {key}",
    ),
    RefusalRule(
        "wrong key", AccountError, ("API_KEY_INVALID", "UNAUTHENTICATED"),
        r"api key (?:not valid|not found|expired)|leaked|unregistered callers",
        KEY,
    ),
    RefusalRule(
        "no permission", AccountError, ("PERMISSION_DENIED", "SERVICE_DISABLED", "API_KEY_SERVICE_BLOCKED"),
        r"location is not supported|denied access|has not been used in project", RIGHTS,
    ),
    RefusalRule(
        "unknown model", AccountError,
        says=r"is not found for api version|not supported for bidigeneratecontent",
        remedy=MODEL,
    ),
    RefusalRule("limit", QuotaError, ("RESOURCE_EXHAUSTED",), r"your current quota|high demand"),
    RefusalRule(
        "refuses this request", SampleRefusedError, ("INVALID_ARGUMENT",),
        r"invalid argument|maximum number of tokens|token count",
    ),
    key="GOOGLE_API_KEY or GEMINI_API_KEY",
)  # fmt: skip

OWN_SERVER = _table("a server of your own")

WIRE = ServiceRefusals(
    "wire",
    (
        RefusalRule("refuses every session", AccountError, ("account",), remedy="ask whoever runs the model"),
        RefusalRule("will never take this sample", SampleRefusedError, ("sample",)),
        RefusalRule("limit", QuotaError, ("busy", "quota")),
        *COMMON,
    ),
    "TML_BENCH_WIRE_TOKEN",
    STATUSES,
)

TABLES = (OPENAI, OPENAI_LIVE, DASHSCOPE, GEMINI, OWN_SERVER, WIRE)
"""Every table, in the order of the documentation."""
