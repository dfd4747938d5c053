"""What traces show about planning, as tables: metrics, dynamics, errors, controls. Knows nothing about HTML or figures."""
