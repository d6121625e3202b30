"""Training on conversations: sources mixed and packed, stages with their own parts, rates and resolution."""
