"""What must survive: the journal of tasks and money, and the engine that brings every task to its end."""
