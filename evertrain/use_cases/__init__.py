"""One class per thing that the system does. They orchestrate; statistics and policy decide."""
