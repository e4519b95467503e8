"""The shell: files, models, servers, training, and the pipeline over them."""
