"""What the camera sees in each operation: organs that change with its course."""
