"""What a trained or foreign model can do, behind one protocol."""
