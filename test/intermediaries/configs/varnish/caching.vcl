# Varnish as it comes: it keeps the answer to a GET, a 404 too.
vcl 4.1;

backend {{names}} { .host = "{{hosts}}"; .port = "{{ports}}"; }
