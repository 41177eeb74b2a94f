// One model of MOA, event by event: predict, then learn.
//
// java -cp JARS Peers.java DATA EVENTS ALGORITHM
//
// The first pass warms the virtual machine up, the second is measured. Prints one line of JSON.

import com.yahoo.labs.samoa.instances.Attribute;
import com.yahoo.labs.samoa.instances.DenseInstance;
import com.yahoo.labs.samoa.instances.Instance;
import com.yahoo.labs.samoa.instances.Instances;
import com.yahoo.labs.samoa.instances.InstancesHeader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import moa.classifiers.Classifier;
import moa.options.ClassOption;

public class Peers {
    static final int FEATURES = 20;
    // A slow model is stopped, and measured by what it did until then.
    static final double SECONDS_MAX = 10.0;

    static Classifier model(String name) throws Exception {
        String line = switch (name) {
            case "sgd" -> "functions.SGD -o SQUAREDLOSS";
            case "sgd_hinge" -> "functions.SGD";
            case "naive_bayes" -> "bayes.NaiveBayes";
            case "hoeffding_tree" -> "trees.HoeffdingTree";
            case "adaptive_random_forest" -> "meta.AdaptiveRandomForest -s 10";
            case "leveraging_bagging" -> "meta.LeveragingBag -s 10";
            case "half_space_trees" -> "oneclass.HSTrees -p 250 -t 25 -h 15";
            case "k_nearest_neighbors" -> "lazy.kNN -k 10 -w 1000";
            default -> throw new IllegalArgumentException(name);
        };
        return (Classifier) ClassOption.cliStringToObject(line, Classifier.class, null);
    }

    static Instance[] read(String path, int events, boolean regression) throws Exception {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(path))).order(ByteOrder.LITTLE_ENDIAN);
        ArrayList<Attribute> attributes = new ArrayList<>();
        for (int at = 0; at < FEATURES; at++) attributes.add(new Attribute("x" + at));
        attributes.add(regression ? new Attribute("y") : new Attribute("class", Arrays.asList("0", "1")));
        InstancesHeader header = new InstancesHeader(new Instances("data", attributes, 0));
        header.setClassIndex(FEATURES);
        Instance[] rows = new Instance[Math.min(events, bytes.capacity() / 8 / (FEATURES + 2))];
        for (int row = 0; row < rows.length; row++) {
            double[] values = new double[FEATURES + 1];
            for (int at = 0; at < FEATURES; at++) values[at] = bytes.getDouble();
            double target = bytes.getDouble();
            double label = bytes.getDouble();
            values[FEATURES] = regression ? target : label;
            rows[row] = new DenseInstance(1.0, values);
            rows[row].setDataset(header);
        }
        return rows;
    }

    static double pass(String name, Instance[] rows) throws Exception {
        Classifier model = model(name);
        model.setModelContext((InstancesHeader) rows[0].dataset());
        model.prepareForUse();
        double sum = 0;
        int done = 0;
        long begin = System.nanoTime();
        for (Instance row : rows) {
            double[] votes = model.getVotesForInstance(row);
            sum += votes.length > 0 ? votes[0] : 0;
            model.trainOnInstance(row);
            done++;
            if (done % 100 == 0 && (System.nanoTime() - begin) / 1e9 > SECONDS_MAX) break;
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        if (Double.isInfinite(sum)) System.err.println("the predictions overflow");
        return done / seconds;
    }

    public static void main(String[] arguments) throws Exception {
        String name = arguments[2];
        Instance[] rows = read(arguments[0], Integer.parseInt(arguments[1]), name.equals("sgd"));
        pass(name, rows);
        System.out.println("{\"events_per_second\": " + pass(name, rows) + "}");
    }
}
