// A Vulkan layer that hides robustBufferAccess and VK_EXT_robustness2's features, so that wgpu makes a device without
// them: scripts/gpu_assisted. Only what it reads of Vulkan's structures is declared.

#include <stdint.h>
#include <string.h>

typedef void *Handle;
typedef void (*Function)(void);
typedef Function (*GetInstanceProcAddr)(Handle instance, const char *name);

// VkBaseInStructure.
typedef struct Structure {
    uint32_t type;
    struct Structure *next;
} Structure;

// VkLayerInstanceLink.
typedef struct Link {
    struct Link *next;
    GetInstanceProcAddr get;
    void *get_physical_device;
} Link;

// VkLayerInstanceCreateInfo.
typedef struct {
    Structure structure;
    uint32_t function;
    Link *link;
} LayerInfo;

// The heads of VkPhysicalDeviceFeatures2 and VkPhysicalDeviceRobustness2FeaturesEXT.
typedef struct {
    Structure structure;
    uint32_t robust[2];
} Features;

// VkNegotiateLayerInterface.
typedef struct {
    uint32_t type;
    void *next;
    uint32_t version;
    GetInstanceProcAddr get;
    void *get_device;
    void *get_physical_device;
} Negotiation;

enum { LAYER_INFO = 47, LINK_INFO = 0, ROBUSTNESS_2 = 1000286000, FAILED = -3 };

// What lies below this layer: that of the last instance, which serves all, as there is one driver. It is asked for as
// an instance is made, since the loader answers with this layer's own functions later.
static GetInstanceProcAddr below;
static void (*features_below)(Handle device, uint32_t *features);
static void (*features_2_below)(Handle device, Features *features);

static void get_features(Handle device, uint32_t *features) {
    features_below(device, features);
    features[0] = 0;
}

static void get_features_2(Handle device, Features *features) {
    features_2_below(device, features);
    features->robust[0] = 0;
    for (Structure *s = features->structure.next; s; s = s->next) {
        if (s->type == ROBUSTNESS_2) {
            memset(((Features *)s)->robust, 0, sizeof features->robust);
        }
    }
}

static int32_t create_instance(const Structure *info, const void *allocator, Handle *instance) {
    LayerInfo *layer = (LayerInfo *)info->next;
    while (layer && (layer->structure.type != LAYER_INFO || layer->function != LINK_INFO)) {
        layer = (LayerInfo *)layer->structure.next;
    }
    if (!layer) {
        return FAILED;
    }
    below = layer->link->get;
    layer->link = layer->link->next;
    Function create = below(0, "vkCreateInstance");
    int32_t result = ((int32_t (*)(const Structure *, const void *, Handle *))create)(info, allocator, instance);
    if (result == 0) {
        features_below = (void (*)(Handle, uint32_t *))below(*instance, "vkGetPhysicalDeviceFeatures");
        features_2_below = (void (*)(Handle, Features *))below(*instance, "vkGetPhysicalDeviceFeatures2");
    }
    return result;
}

static Function get_instance_proc_addr(Handle instance, const char *name) {
    static const struct {
        const char *name;
        Function function;
    } own[] = {
        {"vkCreateInstance", (Function)create_instance},
        {"vkGetInstanceProcAddr", (Function)get_instance_proc_addr},
        {"vkGetPhysicalDeviceFeatures", (Function)get_features},
        {"vkGetPhysicalDeviceFeatures2", (Function)get_features_2},
        {"vkGetPhysicalDeviceFeatures2KHR", (Function)get_features_2},
    };
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++) {
        if (!strcmp(own[i].name, name)) {
            return own[i].function;
        }
    }
    return instance ? below(instance, name) : 0;
}

int32_t vkNegotiateLoaderLayerInterfaceVersion(Negotiation *negotiation) {
    negotiation->version = 2;
    negotiation->get = get_instance_proc_addr;
    negotiation->get_device = 0;
    negotiation->get_physical_device = 0;
    return 0;
}
