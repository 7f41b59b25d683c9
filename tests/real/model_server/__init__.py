"""A model server for tests: OpenAI's and Anthropic's interfaces over HTTP, with latency and failures on demand.

``python -m model_server`` serves on a port of the loopback interface that the system chooses, prints one line of JSON
that says where (``{"url": "http://127.0.0.1:40123", "pid": 4711}``), and ends when its standard input is closed, so
that it does not outlive who started it.

========================================  ==========================================================================
``POST /v1/chat/completions``             as OpenAI's, plain and as server-sent events (``stream``)
``POST /v1/embeddings``                   as OpenAI's: texts that share words have vectors that are near
``GET /v1/models``, ``/v1/models/NAME``   as OpenAI's
``POST /v1/messages``                     as Anthropic's, plain and as server-sent events
``GET /control/models``                   what each model is set to
``PUT /control/models/NAME``              set some of it, from the next call on; makes a model that is not there
``POST /control/reset``                   models as at the start, no calls, numbers of calls from 0
``GET /control/calls?since=N&model=NAME`` who called, when, and what came of it
========================================  ==========================================================================

What a model answers is a matter of its settings and the text (see ``models.Model``). What chance decides (jitter, which
calls a failure meets) is drawn from the seed, the model's name and the number of the call, so that the same calls in
the same order meet the same. Tools, images and response formats are not served: fields that are not read are ignored.
"""
