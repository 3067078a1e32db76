// One Verilated model behind a C interface. Compiled once per model, with PORTS naming a list of
// PORT(name, bits, is_output) that comes from the model's header.

#include <cstddef>
#include <cstdint>
#include <string>

#include "Vmodel.h"
#include "verilated.h"
#ifdef TANDEM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

// What stopped the model: a failed assertion, $fatal, $finish. One thread runs one model at a time.
thread_local std::string stopped;

struct Model {
    VerilatedContext context;
    Vmodel* top = nullptr;
#ifdef TANDEM_TRACE
    VerilatedVcdC* trace = nullptr;
    uint64_t time = 0;
#endif
};

struct Port {
    const char* name;
    uint8_t* data;
    uint32_t bits;
    uint32_t bytes;
    uint32_t output;
};

template <typename T>
Port port(const char* name, T& value, uint32_t bits, uint32_t output) {
    return {name, reinterpret_cast<uint8_t*>(&value), bits, sizeof(T), output};
}

void stop(const char* what, const char* file, int line, const char* place) {
    stopped = std::string(what) + " at " + file + ":" + std::to_string(line) + " in " + place;
}

}  // namespace

void vl_finish(const char* file, int line, const char* place) VL_MT_UNSAFE {
    stop("$finish", file, line, place);
}

void vl_stop(const char* file, int line, const char* place) VL_MT_UNSAFE {
    stop("failed assertion or $stop", file, line, place);
}

void vl_fatal(const char* file, int line, const char* place, const char* message) VL_MT_UNSAFE {
    stop(message, file, line, place);
}

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT Model* tandem_create(int seed, const char* vcd) {
    auto* model = new Model;
    // Every register that nobody has written holds a random value, as on a board.
    model->context.randReset(2);
    model->context.randSeed(seed);
    model->context.assertOn(false);
#ifdef TANDEM_TRACE
    model->context.traceEverOn(vcd != nullptr);
#endif
    model->top = new Vmodel(&model->context, "top");
#ifdef TANDEM_TRACE
    if (vcd != nullptr) {
        model->trace = new VerilatedVcdC;
        model->top->trace(model->trace, 99);
        model->trace->open(vcd);
    }
#else
    (void)vcd;
#endif
    return model;
}

EXPORT void tandem_destroy(Model* model) {
#ifdef TANDEM_TRACE
    if (model->trace != nullptr) model->trace->close();
    delete model->trace;
#endif
    model->top->final();
    delete model->top;
    delete model;
}

// Null, or what stopped the model; the text lives until the next call on this thread.
EXPORT const char* tandem_eval(Model* model) {
    stopped.clear();
    model->top->eval();
#ifdef TANDEM_TRACE
    if (model->trace != nullptr) model->trace->dump(model->time++);
#endif
    return stopped.empty() ? nullptr : stopped.c_str();
}

// Immediate assertions of the SystemVerilog are checked from here on.
EXPORT void tandem_assert(Model* model, int on) { model->context.assertOn(on != 0); }

EXPORT size_t tandem_ports(Model* model, Port* ports, size_t room) {
    Vmodel& top = *model->top;
    const Port all[] = {
#define PORT(name, bits, output) port(#name, top.name, bits, output),
#include PORTS
#undef PORT
    };
    const size_t count = sizeof(all) / sizeof(all[0]);
    for (size_t i = 0; i < count && i < room; i++) ports[i] = all[i];
    return count;
}
