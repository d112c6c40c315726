// Makes ggml's pipelines for products, for `benches/isa/run`, over ggml's public C API.
//
// usage: ggml M[,M..] TYPE [TYPE..]
//
// A product is computed once, since ggml makes pipelines when they are first used; what a fake device computes is
// nothing. The marks are those of main.rs: the pipelines since the last mark are this product's.

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { N = 4096, K = 4096 };

static enum ggml_type type_of(const char *name) {
    for (int t = 0; t < GGML_TYPE_COUNT; t++)
        if (ggml_type_name(t) && !strcasecmp(ggml_type_name(t), name)) return t;
    return GGML_TYPE_COUNT;
}

// NULL, or why there is no product.
static const char *make(ggml_backend_t backend, enum ggml_type type, int m) {
    if (type == GGML_TYPE_COUNT) return "no such type";
    struct ggml_init_params params = {.mem_size = 1 << 20, .no_alloc = true};
    struct ggml_context *context = ggml_init(params);
    struct ggml_tensor *w = ggml_new_tensor_2d(context, type, K, N);
    struct ggml_tensor *x = ggml_new_tensor_2d(context, GGML_TYPE_F32, K, m);
    struct ggml_tensor *y = ggml_mul_mat(context, w, x);
    struct ggml_cgraph *graph = ggml_new_graph(context);
    ggml_build_forward_expand(graph, y);
    const char *why = NULL;
    ggml_backend_buffer_t buffer = NULL;
    if (!ggml_backend_supports_op(backend, y)) {
        why = "ggml has no such product";
    } else if (!(buffer = ggml_backend_alloc_ctx_tensors(context, backend))) {
        why = "no memory";
    } else if (ggml_backend_graph_compute(backend, graph) != GGML_STATUS_SUCCESS) {
        why = "compute fails";
    }
    if (buffer) ggml_backend_buffer_free(buffer);
    ggml_free(context);
    return why;
}

static ggml_backend_dev_t device(void) {
    for (size_t i = 0; i < ggml_backend_dev_count(); i++)
        if (!strncmp(ggml_backend_dev_name(ggml_backend_dev_get(i)), "Vulkan", 6)) return ggml_backend_dev_get(i);
    fputs("ggml finds no Vulkan device\n", stderr);
    exit(1);
}

static void quiet(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level >= GGML_LOG_LEVEL_WARN) fputs(text, stderr);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    ggml_log_set(quiet, NULL);
    ggml_backend_load_all();
    ggml_backend_dev_t found = device();
    ggml_backend_t backend = ggml_backend_dev_init(found, NULL);
    if (!backend) return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("{\"mark\":\"device\",\"by\":\"ggml\",\"name\":\"%s\",\"driver\":\"ggml %s\"}\n",
           ggml_backend_dev_description(found), ggml_version());
    for (int i = 2; i < argc; i++) {
        char *ms = strdup(argv[1]);
        for (char *m = strtok(ms, ","); m; m = strtok(NULL, ",")) {
            const char *why = make(backend, type_of(argv[i]), atoi(m));
            printf("{\"mark\":\"product\",\"by\":\"ggml\",\"format\":\"%s\",\"m\":%d", argv[i], atoi(m));
            printf(why ? ",\"error\":\"%s\"}\n" : "}\n", why);
        }
        free(ms);
    }
    // The drivers' own ends are not waited for: with a fake device they may not come.
    fflush(NULL);
    _exit(0);
}
