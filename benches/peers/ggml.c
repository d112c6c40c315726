// ggml's product of one weight matrix, as a worker of `coordinate.py`, over ggml's public C API.
//
// usage: ggml vulkan|cpu|cpu-repack THREADS
//
// All products of a `run` are nodes of one graph, computed in one call. It reads and writes files in
// the working folder: `w` (the bytes of a GGUF tensor), `x`, `y-NAME` (little-endian f32).

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static ggml_backend_t backend;
static ggml_backend_buffer_type_t weight_buffers;
static const char *name;

// One prepared matrix.
static struct {
    struct ggml_context *matrices, *inputs, *products;
    ggml_backend_buffer_t weights, x, y;
    struct ggml_tensor *w[64], *input;
    struct ggml_cgraph *graph;
    int copies, reps;
} now;

static void fail(const char *why) {
    fprintf(stderr, "%s: %s\n", name, why);
    exit(1);
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static struct ggml_context *context(void) {
    struct ggml_init_params params = {
        .mem_size = 4096 * ggml_tensor_overhead() + ggml_graph_overhead_custom(4096, false),
        .no_alloc = true,
    };
    return ggml_init(params);
}

static void *contents(const char *path, size_t len) {
    void *bytes = malloc(len);
    FILE *file = fopen(path, "rb");
    if (!file || fread(bytes, 1, len, file) != len) fail("a file is missing or short");
    fclose(file);
    return bytes;
}

static void drop_products(void) {
    if (now.y) ggml_backend_buffer_free(now.y);
    if (now.products) ggml_free(now.products);
    now.y = NULL, now.products = NULL, now.reps = 0;
}

static void drop_all(void) {
    drop_products();
    if (now.weights) ggml_backend_buffer_free(now.weights);
    if (now.x) ggml_backend_buffer_free(now.x);
    if (now.matrices) ggml_free(now.matrices);
    if (now.inputs) ggml_free(now.inputs);
    memset(&now, 0, sizeof now);
}

// A graph of `reps` products, in which the copies of the weights take turns.
static void build(int reps) {
    if (now.reps == reps) return;
    drop_products();
    now.products = context();
    now.graph = ggml_new_graph_custom(now.products, 4096, false);
    for (int i = 0; i < reps; i++) {
        struct ggml_tensor *w = now.w[i % now.copies];
        ggml_build_forward_expand(now.graph, ggml_mul_mat(now.products, w, now.input));
    }
    now.y = ggml_backend_alloc_ctx_tensors(now.products, backend);
    if (!now.y) fail("no memory for the outputs");
    now.reps = reps;
}

static void compute(void) {
    if (ggml_backend_graph_compute(backend, now.graph) != GGML_STATUS_SUCCESS) fail("compute");
}

static enum ggml_type type_of(const char *format) {
    for (int t = 0; t < GGML_TYPE_COUNT; t++)
        if (ggml_type_name(t) && !strcasecmp(ggml_type_name(t), format)) return t;
    return GGML_TYPE_COUNT;
}

static void prepare(const char *format, long n, long k, long m, double rotate) {
    drop_all();
    enum ggml_type type = type_of(format);
    if (type == GGML_TYPE_COUNT) {
        printf("unsupported no such type\n");
        return;
    }
    now.matrices = context();
    now.inputs = context();
    double size = (double)n * ggml_row_size(type, k);
    now.copies = ceil(fmin(fmax(rotate / size, 1), 64));
    for (int i = 0; i < now.copies; i++) now.w[i] = ggml_new_tensor_2d(now.matrices, type, k, n);
    now.input = ggml_new_tensor_2d(now.inputs, GGML_TYPE_F32, k, m);
    now.weights = ggml_backend_alloc_ctx_tensors_from_buft(now.matrices, weight_buffers);
    now.x = ggml_backend_alloc_ctx_tensors(now.inputs, backend);
    if (!now.weights || !now.x) fail("no memory for the operands");
    build(1);
    if (!ggml_backend_supports_op(backend, ggml_graph_node(now.graph, 0))) {
        printf("unsupported this backend has no product of that type\n");
        return;
    }
    void *bytes = contents("w", ggml_nbytes(now.w[0]));
    for (int i = 0; i < now.copies; i++)
        ggml_backend_tensor_set(now.w[i], bytes, 0, ggml_nbytes(now.w[0]));
    free(bytes);
    bytes = contents("x", ggml_nbytes(now.input));
    ggml_backend_tensor_set(now.input, bytes, 0, ggml_nbytes(now.input));
    free(bytes);
    compute();
    printf("ready %zu %d one graph\n", ggml_nbytes(now.w[0]), now.copies);
}

static void check(void) {
    build(1);
    compute();
    struct ggml_tensor *y = ggml_graph_node(now.graph, 0);
    void *bytes = malloc(ggml_nbytes(y));
    ggml_backend_tensor_get(y, bytes, 0, ggml_nbytes(y));
    char path[64];
    snprintf(path, sizeof path, "y-%s", name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, ggml_nbytes(y), file) != ggml_nbytes(y)) fail("cannot write y");
    fclose(file);
    free(bytes);
    printf("written\n");
}

static ggml_backend_dev_t device(const char *kind) {
    enum ggml_backend_dev_type cpu = GGML_BACKEND_DEVICE_TYPE_CPU;
    ggml_backend_dev_t found = strcmp(kind, "vulkan") ? ggml_backend_dev_by_type(cpu)
                                                      : ggml_backend_dev_by_name("Vulkan0");
    if (!found) fail("no such device");
    return found;
}

// ggml repacks weights of some types for the processor in a separate buffer type.
static ggml_backend_buffer_type_t repacking(ggml_backend_dev_t dev) {
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(dev);
    ggml_backend_dev_get_extra_bufts_t extra = (ggml_backend_dev_get_extra_bufts_t)
        ggml_backend_reg_get_proc_address(reg, "ggml_backend_dev_get_extra_bufts");
    for (ggml_backend_buffer_type_t *b = extra ? extra(dev) : NULL; b && *b; b++)
        if (strstr(ggml_backend_buft_name(*b), "REPACK")) return *b;
    fail("no repacking buffers");
    return NULL;
}

static void set_threads(ggml_backend_dev_t dev, int count) {
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(dev);
    ggml_backend_set_n_threads_t set = (ggml_backend_set_n_threads_t)
        ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
    if (set) set(backend, count);
}

static void quiet(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level >= GGML_LOG_LEVEL_WARN) fputs(text, stderr);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    static char full[32];
    snprintf(full, sizeof full, "ggml-%s", argv[1]);
    name = full;
    ggml_log_set(quiet, NULL);
    ggml_backend_load_all();
    ggml_backend_dev_t dev = device(argv[1]);
    backend = ggml_backend_dev_init(dev, NULL);
    weight_buffers = strcmp(argv[1], "cpu-repack") ? ggml_backend_dev_buffer_type(dev)
                                                   : repacking(dev);
    set_threads(dev, atoi(argv[2]));
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ggml %s on %s\n", ggml_version(), ggml_backend_dev_description(dev));
    char line[256], format[32];
    while (fgets(line, sizeof line, stdin)) {
        long n, k, m;
        double rotate;
        int reps;
        if (sscanf(line, "prepare %31s %ld %ld %ld %*s %lf", format, &n, &k, &m, &rotate) == 5) {
            prepare(format, n, k, m, rotate);
        } else if (sscanf(line, "run %d", &reps) == 1) {
            build(reps);
            double start = seconds();
            compute();
            printf("%.9f\n", seconds() - start);
        } else if (!strncmp(line, "check", 5)) {
            check();
        } else {
            fail("unknown command");
        }
    }
    return 0;
}
