"""A page where a notebook shows a result."""


def page_in_notebook(page: str) -> str:
    """HTML. In a frame of its own: the page's style is not the notebook's."""
    text = page.replace("&", "&amp;").replace('"', "&quot;")
    return f'<iframe srcdoc="{text}" style="width: 100%; height: 640px; border: 0"></iframe>'
