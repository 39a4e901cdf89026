"""What MedVidBench questions are asked with: per task the form of the answer, and examples of our own."""
