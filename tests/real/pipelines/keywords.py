"""The rules by which support requests are routed: the first keyword that a text contains."""

KEYWORDS = (
    ("invoice", "billing"),
    ("refund", "billing"),
    ("charged", "billing"),
    ("payment", "billing"),
    ("crash", "technical"),
    ("error", "technical"),
    ("password", "technical"),
    ("slow", "technical"),
    ("upgrade", "sales"),
    ("quote", "sales"),
    ("demo", "sales"),
    ("licence", "sales"),
)
OTHERWISE = "support"

PROMPT = "Answer with the queue this request belongs to: billing, technical, sales or support."


def route_of(text: str) -> str:
    """Return the route of a text."""
    lowered = text.lower()
    return next((route for keyword, route in KEYWORDS if keyword in lowered), OTHERWISE)
