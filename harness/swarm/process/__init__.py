"""The Locust process itself: the world it lives in, its children, its listeners, and how it leaves."""
