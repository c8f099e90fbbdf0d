"""Calls that fail, each as a learner would write it, with the repairs a teacher would name."""
