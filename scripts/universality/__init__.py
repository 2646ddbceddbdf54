"""Do different language models learn the same feature spaces?

Four wings of pure functions, which exchange stores and never import each other:
`inputs` (text and models in), `features` (what a subject is, what corresponds), `similarity`
(linear algebra and statistics on arrays), `views` (tables, figures, summary).
"""
