//! Encoder and decoder as ONNX files, whose batch may have any size.
//!
//! The numbers of fields and of types are those of `onnx.proto`: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use model::Activation;
use record::VERSION;

use super::network::{Convolution, Dense, Means, NEAR, Network, Normalisation, SERIES, Step};
use super::protobuf::Message;

/// The format and the set of operators: those of 2022, which every runtime knows.
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;
/// The types of 32-bit numbers and of whole numbers.
const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// A graph that grows node by node.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    /// Names that were given out.
    named: usize,
}

/// The encoder: `images`, `[batch, numbers]`, to `mean` and `log_var`, `[batch, latent]`.
pub fn encoder(network: &Network) -> Vec<u8> {
    let mut graph = Graph::default();
    let features = graph.steps("images", &network.encoder);
    let mean = graph.dense(&features, &network.mean);
    graph.node_to("Identity", &[&mean], "mean");
    let log_var = graph.dense(&features, &network.log_var);
    let [low, high] = network.log_var_bounds.map(|bound| graph.constant(&[bound], &[]));
    graph.node_to("Clip", &[&log_var, &low, &high], "log_var");
    let latent = network.latent;
    let outputs = [rows("mean", latent), rows("log_var", latent)];
    graph.model("encoder", rows("images", network.numbers), outputs.to_vec())
}

/// The decoder: `codes`, `[batch, latent]`, to `outputs`, which the likelihood is of, and `means`, `[batch, numbers]`; and where there
/// are some the logarithms of its variances or scales, `log_scales`, `[1]` or `[numbers]`.
pub fn decoder(network: &Network) -> Vec<u8> {
    let mut graph = Graph::default();
    let outputs = graph.steps("codes", &network.decoder);
    graph.node_to("Identity", &[&outputs], "outputs");
    let means = graph.means(&outputs, network.means);
    graph.node_to("Identity", &[&means], "means");
    let numbers = network.numbers;
    let mut outputs = vec![rows("outputs", numbers), rows("means", numbers)];
    if let Some(log_scales) = &network.log_scales {
        let constant = graph.constant(log_scales, &[log_scales.len()]);
        graph.node_to("Identity", &[&constant], "log_scales");
        outputs.push(value("log_scales", [size(log_scales.len())]));
    }
    graph.model("decoder", rows("codes", network.latent), outputs)
}

impl Graph {
    fn name(&mut self, of: &str) -> String {
        self.named += 1;
        format!("{of}_{}", self.named)
    }

    /// Adds a node and gives back the name of what it gives.
    fn node(&mut self, operator: &str, inputs: &[&str]) -> String {
        let output = self.name(&operator.to_lowercase());
        self.node_to(operator, inputs, &output);
        output
    }

    fn node_to(&mut self, operator: &str, inputs: &[&str], output: &str) {
        self.node_with(operator, inputs, output, Vec::new());
    }

    fn node_with(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<Message>) {
        let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
        self.nodes.push(node.text(2, output).text(4, operator).messages(5, attributes));
    }

    /// Adds a node with attributes and gives back the name of what it gives.
    fn with(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Message>) -> String {
        let output = self.name(&operator.to_lowercase());
        self.node_with(operator, inputs, &output, attributes);
        output
    }

    /// Adds whole numbers, and gives back their name.
    fn whole_numbers(&mut self, numbers: &[i64]) -> String {
        let name = self.name("constant");
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let tensor = Message::default().int(1, numbers.len() as u64).int(2, INT64);
        self.initializers.push(tensor.text(8, &name).bytes(9, &bytes));
        name
    }

    /// What a step does with images whose channels come second.
    fn channels_second(&mut self, input: &str, step: impl FnOnce(&mut Self, &str) -> String) -> String {
        let input = self.with("Transpose", &[input], vec![integers("perm", &[0, 3, 1, 2])]);
        let output = step(self, &input);
        self.with("Transpose", &[&output], vec![integers("perm", &[0, 2, 3, 1])])
    }

    fn convolution(&mut self, input: &str, layer: &Convolution) -> String {
        let weight = self.constant(&layer.weight, &layer.shape());
        let bias = self.constant(&layer.bias, &[layer.outputs]);
        let [rows, columns] = layer.padding;
        let mut attributes = vec![
            integers("kernel_shape", &layer.kernel),
            integers("strides", &layer.stride),
            integers("pads", &[rows, columns, rows, columns]),
        ];
        attributes.extend(layer.transposed.map(|padding| integers("output_padding", &padding)));
        let operator = if layer.transposed.is_some() { "ConvTranspose" } else { "Conv" };
        self.channels_second(input, |graph, images| {
            graph.with(operator, &[images, &weight, &bias], attributes)
        })
    }

    fn resize(&mut self, input: &str, [rows, columns]: [usize; 2]) -> String {
        self.channels_second(input, |graph, images| {
            let shape = graph.node("Shape", &[images]);
            let [start, two] = [0, 2].map(|number| graph.whole_numbers(&[number]));
            let kept = graph.node("Slice", &[&shape, &start, &two]);
            let size = graph.whole_numbers(&[rows as i64, columns as i64]);
            let sizes = graph.with("Concat", &[&kept, &size], vec![integer("axis", 0)]);
            let attributes = vec![
                text("mode", "nearest"),
                text("coordinate_transformation_mode", "asymmetric"),
                text("nearest_mode", "floor"),
            ];
            graph.with("Resize", &[images, "", "", &sizes], attributes)
        })
    }

    /// Adds numbers of a shape, and gives back their name.
    fn constant(&mut self, numbers: &[f32], shape: &[usize]) -> String {
        let name = self.name("constant");
        let tensor = shape.iter().fold(Message::default(), |tensor, &size| tensor.int(1, size as u64));
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.initializers.push(tensor.int(2, FLOAT).text(8, &name).bytes(9, &bytes));
        name
    }

    fn dense(&mut self, input: &str, layer: &Dense) -> String {
        let weight = self.constant(&layer.weight, &[layer.inputs, layer.outputs]);
        let bias = self.constant(&layer.bias, &[layer.outputs]);
        self.node("Gemm", &[input, &weight, &bias])
    }

    fn steps(&mut self, input: &str, steps: &[Step]) -> String {
        steps.iter().fold(input.to_string(), |input, step| match step {
            Step::Dense(layer) => self.dense(&input, layer),
            Step::Norm(norm) => self.norm(&input, norm),
            Step::ToImages([rows, columns, channels]) => {
                let shape = self.whole_numbers(&[-1, *rows as i64, *columns as i64, *channels as i64]);
                self.node("Reshape", &[&input, &shape])
            }
            // From the second axis on, which is what it does if it says nothing.
            Step::Flatten => self.node("Flatten", &[&input]),
            Step::Convolution(layer) => self.convolution(&input, layer),
            Step::Resize(size) => self.resize(&input, *size),
            Step::Residual(steps) => {
                let change = self.steps(&input, steps);
                self.node("Add", &[&input, &change])
            }
            Step::Activation(activation) => self.activation(&input, *activation),
        })
    }

    fn norm(&mut self, input: &str, norm: &Normalisation) -> String {
        let mut vector = |numbers: &[f32]| self.constant(numbers, &[numbers.len()]);
        let [gain, shift] = [&norm.gain, &norm.shift].map(|numbers| vector(numbers));
        match &norm.running {
            // Both with an epsilon of 1e-5 and over the last axis, which is what they have if they say nothing.
            None => self.node("LayerNormalization", &[input, &gain, &shift]),
            Some(running) => {
                let [mean, variance] = running.each_ref().map(|numbers| vector(numbers));
                let normalise = |graph: &mut Self, input: &str| {
                    graph.node("BatchNormalization", &[input, &gain, &shift, &mean, &variance])
                };
                if norm.of_images { self.channels_second(input, normalise) } else { normalise(self, input) }
            }
        }
    }

    fn activation(&mut self, input: &str, activation: Activation) -> String {
        match activation {
            Activation::Identity => input.to_string(),
            Activation::Relu => self.node("Relu", &[input]),
            Activation::Tanh => self.node("Tanh", &[input]),
            Activation::Elu => self.node("Elu", &[input]),
            Activation::Silu => {
                let gate = self.node("Sigmoid", &[input]);
                self.node("Mul", &[input, &gate])
            }
            Activation::Gelu => {
                let [root, one, half] =
                    [std::f32::consts::SQRT_2, 1.0, 0.5].map(|number| self.constant(&[number], &[]));
                let scaled = self.node("Div", &[input, &root]);
                let error = self.node("Erf", &[&scaled]);
                let twice = self.node("Add", &[&error, &one]);
                let share = self.node("Mul", &[&twice, &half]);
                self.node("Mul", &[input, &share])
            }
            Activation::Clamp { min, max } => {
                let [min, max] = [min, max].map(|bound| self.constant(&[bound], &[]));
                self.node("Clip", &[input, &min, &max])
            }
        }
    }

    fn means(&mut self, outputs: &str, means: Means) -> String {
        match means {
            Means::Identity => outputs.to_string(),
            Means::Logistic => self.node("Sigmoid", &[outputs]),
            Means::DiscretisedLogistic(scale) => {
                let [scale, one] = [scale, 1.0].map(|number| self.constant(&[number], &[]));
                let scaled = self.node("Div", &[outputs, &scale]);
                let above = self.node("Softplus", &[&scaled]);
                let less = self.node("Sub", &[outputs, &one]);
                let less = self.node("Div", &[&less, &scale]);
                let less = self.node("Softplus", &[&less]);
                let difference = self.node("Sub", &[&above, &less]);
                self.node("Mul", &[&difference, &scale])
            }
            Means::ContinuousBernoulli => {
                let [half, one, near] = [0.5, 1.0, NEAR].map(|number| self.constant(&[number], &[]));
                let size = self.node("Abs", &[outputs]);
                let is_near = self.node("Less", &[&size, &near]);
                // Near 0 by the series, with a logit of 1 in the place of what the other branch cannot divide by.
                let logit = self.node("Where", &[&is_near, &one, outputs]);
                let negated = self.node("Neg", &[&logit]);
                let exponential = self.node("Exp", &[&negated]);
                let rest = self.node("Sub", &[&one, &exponential]);
                let first = self.node("Div", &[&one, &rest]);
                let second = self.node("Div", &[&one, &logit]);
                let far = self.node("Sub", &[&first, &second]);
                let square = self.node("Mul", &[outputs, outputs]);
                let [first, rest @ ..] = SERIES;
                let first = self.constant(&[first], &[]);
                let factor = rest.into_iter().fold(first, |factor, coefficient| {
                    let coefficient = self.constant(&[coefficient], &[]);
                    let product = self.node("Mul", &[&factor, &square]);
                    self.node("Add", &[&product, &coefficient])
                });
                let odd = self.node("Mul", &[&factor, outputs]);
                let series = self.node("Add", &[&half, &odd]);
                self.node("Where", &[&is_near, &series, &far])
            }
        }
    }

    fn model(self, name: &str, input: Message, outputs: Vec<Message>) -> Vec<u8> {
        let graph = Message::default()
            .messages(1, self.nodes)
            .text(2, name)
            .messages(5, self.initializers)
            .message(11, input)
            .messages(12, outputs);
        let opset = Message::default().text(1, "").int(2, OPSET);
        Message::default()
            .int(1, IR_VERSION)
            .text(2, "klsweep")
            .text(3, VERSION)
            .message(7, graph)
            .message(8, opset)
            .into_bytes()
    }
}

/// An attribute of a whole number; its type is 2.
fn integer(name: &str, number: usize) -> Message {
    Message::default().text(1, name).int(3, number as u64).int(20, 2)
}

/// An attribute of whole numbers; its type is 7.
fn integers(name: &str, numbers: &[usize]) -> Message {
    let attribute = Message::default().text(1, name);
    numbers.iter().fold(attribute, |attribute, &number| attribute.int(8, number as u64)).int(20, 7)
}

/// An attribute of a text; its type is 3.
fn text(name: &str, text: &str) -> Message {
    Message::default().text(1, name).text(4, text).int(20, 3)
}

/// A value of 32-bit numbers, `[batch, width]`.
fn rows(name: &str, width: usize) -> Message {
    value(name, [Message::default().text(2, "batch"), size(width)])
}

/// An axis of this size.
fn size(size: usize) -> Message {
    Message::default().int(1, size as u64)
}

/// A value of 32-bit numbers with these axes.
fn value<const AXES: usize>(name: &str, axes: [Message; AXES]) -> Message {
    let shape = Message::default().messages(1, axes);
    let tensor = Message::default().int(1, FLOAT).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}
