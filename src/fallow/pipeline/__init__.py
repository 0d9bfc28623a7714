"""The story of a job: submit, split, dispatch, deliver, join, sweep."""
