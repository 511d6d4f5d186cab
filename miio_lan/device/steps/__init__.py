"""Every call as steps: what is asked, and what becomes of the answers. The faces carry the steps out."""
