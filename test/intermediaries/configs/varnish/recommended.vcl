vcl 4.1;

import directors;

# Longer than the longest silence of a tool, and of the stream for changes.
backend {{names}} { .host = "{{hosts}}"; .port = "{{ports}}"; .first_byte_timeout = 1h; .between_bytes_timeout = 1h; }

sub vcl_init {
    new any_replica = directors.round_robin();
    any_replica.add_backend({{names}});
}

sub vcl_recv {
    # Affinity: the first answer sets a cookie that names the replica, and a client that returns it stays there.
    set req.backend_hint = any_replica.backend();
    if (req.http.Cookie ~ "mcp_replica={{names}}\b") { set req.backend_hint = {{names}}; }
    set req.http.X-Request-Id = req.xid;
    # Nothing is cached: not the stream for changes, and above all not the 404 that says a session is gone.
    return (pass);
}

sub vcl_backend_response {
    # Events pass as they come.
    set beresp.do_stream = true;
    set beresp.http.X-Replica = beresp.backend.name;
}

sub vcl_deliver {
    if (req.http.Cookie !~ "mcp_replica=") {
        set resp.http.Set-Cookie = "mcp_replica=" + resp.http.X-Replica + "; Path=/mcp; HttpOnly";
    }
    unset resp.http.X-Replica;
}
