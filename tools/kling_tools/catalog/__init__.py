"""What Kling offers and what it costs, as dated data, and the rules that read it. Nothing here sends or stores."""
