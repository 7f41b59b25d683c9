"""What a Locust process is in a run: single process, master or worker, and what all of them do."""
