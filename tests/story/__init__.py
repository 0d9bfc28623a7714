"""What people want of Fallow, told as tests on real files."""
