// Layers that treat every element alone. The host defines INPUT, and either BITS, where INPUT is
// a word of packed bits, or COMPARED, the type of thresholds. A work-item computes up to `chunk`
// channels of a pixel, or one word where the result is bits.

#ifdef BITS
#define VALUE (1 - 2 * (int)(input[((size_t)image * pixels + pixel) * words_of(channels) \
                                   + channel / WORD_BITS] >> (channel % WORD_BITS) & 1))
#else
#define VALUE input[AT]
#endif

#define AT (((size_t)image * pixels + pixel) * channels + channel)
#define SHAPE const int images, const int pixels, const int channels, const int chunk

#define EACH_ELEMENT \
    EACH(image, 2, images) \
    EACH(pixel, 1, pixels) \
    EACH(part, 0, (channels + chunk - 1) / chunk) \
    for (int channel = part * chunk; channel < min(channels, (part + 1) * chunk); channel++)

// Collects `negative`, an expression over `channel`, into words.
#define EACH_WORD(negative) \
    EACH(image, 2, images) \
    EACH(pixel, 1, pixels) \
    EACH(word, 0, words_of(channels)) { \
        ulong bits = 0; \
        for (int bit = 0; bit < min(WORD_BITS, channels - word * WORD_BITS); bit++) { \
            const int channel = word * WORD_BITS + bit; \
            bits |= (ulong)((negative) != 0) << bit; \
        } \
        output[((size_t)image * pixels + pixel) * words_of(channels) + word] = bits; \
    }

float clamped(float value, float low, float high) {
    // Not clamp(): a NaN must stay one.
    const float raised = value < low ? low : value;
    return raised > high ? high : raised;
}

kernel void scale_bias(
    global const INPUT *input, global float *output, SHAPE, global const float *scale,
    global const float *bias
) {
    EACH_ELEMENT output[AT] = (float)VALUE * scale[channel] + bias[channel];
}

#ifndef BITS

kernel void threshold(
    global const INPUT *input, global ulong *output, SHAPE, global const COMPARED *thresholds,
    global const uchar *flips
) {
    EACH_WORD(flips[channel] ? (COMPARED)VALUE > thresholds[channel]
                             : (COMPARED)VALUE < thresholds[channel])
}

kernel void sign_bits(global const INPUT *input, global ulong *output, SHAPE, const int zero) {
    EACH_WORD(VALUE < 0 || (zero < 0 && VALUE == 0))
}

kernel void multi_threshold(
    global const INPUT *input, global float *output, SHAPE, global const float *thresholds,
    const int steps, const float scale, const float bias
) {
    EACH_ELEMENT {
        const float value = (float)VALUE;
        int reached = 0;
        for (int step = 0; step < steps; step++)
            reached += value >= thresholds[(size_t)channel * steps + step];
        output[AT] = scale * (float)reached + bias;
    }
}

kernel void add(
    global const INPUT *input, global const INPUT *other, global INPUT *output, SHAPE
) {
    EACH_ELEMENT output[AT] = input[AT] + other[AT];
}

kernel void prelu(
    global const INPUT *input, global float *output, SHAPE, global const float *slope
) {
    EACH_ELEMENT {
        const float value = (float)VALUE;
        output[AT] = value >= 0 ? value : value * slope[channel];
    }
}

kernel void clip(
    global const INPUT *input, global float *output, SHAPE, const float low, const float high
) {
    EACH_ELEMENT output[AT] = clamped((float)VALUE, low, high);
}

#define NEAREST_EVEN 0
#define FLOOR 1
#define CEIL 2

kernel void quantize(
    global const INPUT *input, global float *output, SHAPE, global const float *scale,
    global const float *zero, const float low, const float high, const int rounding
) {
    EACH_ELEMENT {
        const float grid = DIVIDE((float)VALUE, scale[channel]) + zero[channel];
        const float whole = rounding == NEAREST_EVEN ? rint(grid)
                            : rounding == FLOOR      ? floor(grid)
                            : rounding == CEIL       ? ceil(grid)
                                                     : trunc(grid);
        output[AT] = (clamped(whole, low, high) - zero[channel]) * scale[channel];
    }
}

// One work-item a pixel: `chunk` is the number of channels.
kernel void softmax(global const INPUT *input, global float *output, SHAPE, const int logarithm) {
    EACH(image, 2, images)
    EACH(pixel, 1, pixels)
    EACH(part, 0, 1) {
        global const INPUT *from = input + ((size_t)image * pixels + pixel) * channels;
        global float *to = output + ((size_t)image * pixels + pixel) * channels;
        float largest = -INFINITY, sum = 0;
        for (int channel = 0; channel < channels; channel++)
            largest = fmax(largest, (float)from[channel]);
        for (int channel = 0; channel < channels; channel++)
            sum += exp((float)from[channel] - largest);
        for (int channel = 0; channel < channels; channel++)
            to[channel] = logarithm ? (float)from[channel] - largest - log(sum)
                                    : exp((float)from[channel] - largest) / sum;
    }
}

#endif
