"""A model's tree and figures in the formats of other tools' viewers."""
