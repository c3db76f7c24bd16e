"""What notebooks and other pipelines may rely on; `import evertrain` has it. Whatever is not here may change."""
