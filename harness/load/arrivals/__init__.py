"""When operations of an open-loop run are due: schedules, and what of them each worker takes."""
