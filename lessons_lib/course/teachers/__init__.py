"""For teachers: what the notebooks that students handed in pass, with limits, cards and what each answer calls."""
