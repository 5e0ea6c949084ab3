"""What was measured over time: recorder and exports."""
