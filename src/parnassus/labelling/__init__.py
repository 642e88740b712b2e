"""Agreement between labellers, and active learning."""
