"""asyncio on the gevent hub: the loop that serves the target's coroutines in the thread of the Locust users."""

from harness.loop.hubloop import HubLoop
from harness.loop.interrupts import deliver_interrupts_to_main
from harness.loop.pacing.alarm import Alarm
from harness.loop.pacing.pacer import Pacer
from harness.loop.selector import HubSelector

__all__ = ["Alarm", "HubLoop", "HubSelector", "Pacer", "deliver_interrupts_to_main"]
