"""What happens beside the optimiser's steps: logs, averages, early stopping."""
